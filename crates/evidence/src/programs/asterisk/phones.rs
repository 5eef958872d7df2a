//! Phones that speak another protocol than SIP: UNISTIM, Skinny and MGCP.
//! Source: Asterisk's unistim.conf.sample, skinny.conf.sample and mgcp.conf.sample; its UPGRADE notes of
//! version 21 for the modules that are gone.

use super::config::Section;
use super::servers::{Bind, known, numeric};
use super::{Etc, Modules};
use crate::reading::Reading;
use crate::text::Place;
use crate::{Listener, Transport};
use std::net::Ipv4Addr;

struct Driver {
    file: &'static str,
    module: &'static str,
    transport: Transport,
    purpose: &'static str,
    port: &'static str,
    /// Without one there is no default.
    default: Option<u16>,
    /// Not part of Asterisk since version 21: a file alone may be a left-over.
    is_gone: bool,
}

const DRIVERS: [Driver; 3] = [
    Driver {
        file: "unistim.conf",
        module: "chan_unistim",
        transport: Transport::Udp,
        purpose: "unistim",
        port: "port",
        default: None,
        is_gone: false,
    },
    Driver {
        file: "skinny.conf",
        module: "chan_skinny",
        transport: Transport::Tcp,
        purpose: "skinny",
        port: "bindport",
        default: Some(2000),
        is_gone: true,
    },
    Driver {
        file: "mgcp.conf",
        module: "chan_mgcp",
        transport: Transport::Udp,
        purpose: "mgcp",
        port: "port",
        default: Some(2727),
        is_gone: true,
    },
];

pub(super) fn open(reading: &mut Reading<'_>, etc: &Etc, modules: &Modules) {
    for driver in DRIVERS.iter().filter(|driver| modules.has(driver.module)) {
        let Some((text, config)) = etc.config(reading, driver.file) else { continue };
        let Some(general) = config.section("general") else { continue };
        let Some(bind) = bind(reading, driver, general, &text.whole()) else { continue };
        if driver.is_gone && !modules.names(driver.module) {
            let (module, address, port) = (driver.module, bind.address, bind.port);
            let what = format!("{address} port {port}: {module} is there in Asterisk before version 21 only");
            reading.unresolved(what, &general.place());
            continue;
        }
        let ports = (bind.port, bind.port);
        reading.listen(bind.said(Listener::at(driver.transport, bind.address, ports, driver.purpose)));
    }
}

fn bind(reading: &mut Reading<'_>, driver: &Driver, general: &Section, whole: &Place) -> Option<Bind> {
    let port = general.last(driver.port);
    if port.is_none() && driver.default.is_none() {
        let why = format_args!("no {}: {} does not start", driver.port, driver.module);
        reading.trouble(&general.place(), why);
    }
    let number = match port {
        Some(port) => known(reading, &port.value, &port.place())?,
        None => driver.default?,
    };
    let default = Bind::by_default(Ipv4Addr::UNSPECIFIED.into(), number, whole);
    let bind = match general.last("bindaddr").filter(|_| driver.purpose != "unistim") {
        Some(address) => numeric(reading, address, &default)?,
        None => default,
    };
    Some(port.into_iter().fold(bind, |bind, port| bind.with_port(number, &port.place())))
}

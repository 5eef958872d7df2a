//! What this cluster should allow, and why: inventory, role catalogue, plan, lowering to a ruleset.
//! Not here: input and output, netlink, clocks. Texts come in as strings with their file name.

mod addresses;
pub mod catalogue;
pub mod difference;
pub mod inventory;
pub mod lint;
pub mod lower;
pub mod observed;
pub mod plan;
pub mod ports;
pub mod problem;
mod read;
pub mod sample;
pub mod settings;
pub mod verify;

pub use addresses::Addresses;
pub use catalogue::{Catalogue, Client, Limit, Need, Network, PublicReach, Role, RoleName, Service, Who};
pub use catalogue::{Encrypted, Promise, Speaks};
pub use inventory::{Cluster, Inventory, Node, NodeName};
pub use observed::{Observed, observe};
pub use plan::Plan;
pub use ports::{PortRange, Proto};
pub use problem::{Place, Problem, Problems, Source};
pub use read::nearest;
pub use settings::{Mode, Settings};

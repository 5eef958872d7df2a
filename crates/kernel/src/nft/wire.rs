//! The numbers of nf_tables' netlink interface, by the names of `linux/netfilter/nf_tables.h`.
//! Not here: nft's own numbers inside user data ([`super::userdata`]).

/// `NFNL_SUBSYS_NFTABLES`.
pub(crate) const SUBSYSTEM: u16 = 10;
/// `struct nfgenmsg`: family, version, resource.
pub(crate) const NFGENMSG_LEN: usize = 4;

pub(crate) const BATCH_BEGIN: u16 = 0x10;
pub(crate) const BATCH_END: u16 = 0x11;
pub(crate) const BATCH_GENID: u16 = 1;

/// `enum nf_tables_msg_types`, with the subsystem in the high byte.
pub(crate) mod message {
    use super::SUBSYSTEM;

    pub(crate) const NEWTABLE: u16 = SUBSYSTEM << 8;
    pub(crate) const GETTABLE: u16 = NEWTABLE + 1;
    pub(crate) const DELTABLE: u16 = NEWTABLE + 2;
    pub(crate) const NEWCHAIN: u16 = NEWTABLE + 3;
    pub(crate) const GETCHAIN: u16 = NEWTABLE + 4;
    pub(crate) const DELCHAIN: u16 = NEWTABLE + 5;
    pub(crate) const NEWRULE: u16 = NEWTABLE + 6;
    pub(crate) const GETRULE: u16 = NEWTABLE + 7;
    pub(crate) const DELRULE: u16 = NEWTABLE + 8;
    pub(crate) const NEWSET: u16 = NEWTABLE + 9;
    pub(crate) const GETSET: u16 = NEWTABLE + 10;
    pub(crate) const DELSET: u16 = NEWTABLE + 11;
    pub(crate) const NEWSETELEM: u16 = NEWTABLE + 12;
    pub(crate) const GETSETELEM: u16 = NEWTABLE + 13;
    pub(crate) const DELSETELEM: u16 = NEWTABLE + 14;
    pub(crate) const NEWGEN: u16 = NEWTABLE + 15;
    pub(crate) const GETGEN: u16 = NEWTABLE + 16;
}

pub(crate) const LIST_ELEM: u16 = 1;
pub(crate) const GEN_ID: u16 = 1;

pub(crate) mod table {
    pub(crate) const NAME: u16 = 1;
    pub(crate) const FLAGS: u16 = 2;

    pub(crate) const F_DORMANT: u32 = 1;
    pub(crate) const F_OWNER: u32 = 2;
    pub(crate) const F_PERSIST: u32 = 4;
}

pub(crate) mod chain {
    pub(crate) const TABLE: u16 = 1;
    pub(crate) const NAME: u16 = 3;
    pub(crate) const HOOK: u16 = 4;
    pub(crate) const POLICY: u16 = 5;
    pub(crate) const TYPE: u16 = 7;

    pub(crate) const HOOK_NUMBER: u16 = 1;
    pub(crate) const HOOK_PRIORITY: u16 = 2;
    pub(crate) const HOOK_DEV: u16 = 3;
    pub(crate) const HOOK_DEVS: u16 = 4;
    pub(crate) const DEVICE_NAME: u16 = 1;

    pub(crate) const NF_DROP: u32 = 0;
    pub(crate) const NF_ACCEPT: u32 = 1;
}

pub(crate) mod rule {
    pub(crate) const TABLE: u16 = 1;
    pub(crate) const CHAIN: u16 = 2;
    pub(crate) const HANDLE: u16 = 3;
    pub(crate) const EXPRESSIONS: u16 = 4;
    pub(crate) const USERDATA: u16 = 7;
}

pub(crate) mod set {
    pub(crate) const TABLE: u16 = 1;
    pub(crate) const NAME: u16 = 2;
    pub(crate) const FLAGS: u16 = 3;
    pub(crate) const KEY_TYPE: u16 = 4;
    pub(crate) const KEY_LEN: u16 = 5;
    pub(crate) const DATA_TYPE: u16 = 6;
    pub(crate) const DATA_LEN: u16 = 7;
    pub(crate) const DESC: u16 = 9;
    pub(crate) const ID: u16 = 10;
    pub(crate) const TIMEOUT: u16 = 11;
    pub(crate) const USERDATA: u16 = 13;
    pub(crate) const OBJ_TYPE: u16 = 15;
    pub(crate) const EXPR: u16 = 17;
    pub(crate) const EXPRESSIONS: u16 = 18;
    /// `NFTA_SET_COUNT`; older kernels do not send it, and the header may not name it yet.
    pub(crate) const COUNT: u16 = 20;

    pub(crate) const DESC_SIZE: u16 = 1;
    pub(crate) const DESC_CONCAT: u16 = 2;
    /// In bytes, whatever the header's comment says: Linux checks it against the key's length in bytes.
    pub(crate) const FIELD_LEN: u16 = 1;

    pub(crate) const F_ANONYMOUS: u32 = 0x1;
    pub(crate) const F_CONSTANT: u32 = 0x2;
    pub(crate) const F_INTERVAL: u32 = 0x4;
    pub(crate) const F_MAP: u32 = 0x8;
    pub(crate) const F_TIMEOUT: u32 = 0x10;
    pub(crate) const F_EVAL: u32 = 0x20;
    pub(crate) const F_OBJECT: u32 = 0x40;
    pub(crate) const F_CONCAT: u32 = 0x80;
    pub(crate) const F_EXPR: u32 = 0x100;

    /// `NFT_DATA_VERDICT`: the data type of a verdict map.
    pub(crate) const DATA_VERDICT: u32 = 0xffff_ff00;
}

pub(crate) mod element {
    pub(crate) const KEY: u16 = 1;
    pub(crate) const DATA: u16 = 2;
    pub(crate) const FLAGS: u16 = 3;
    pub(crate) const TIMEOUT: u16 = 4;
    pub(crate) const EXPIRATION: u16 = 5;
    pub(crate) const USERDATA: u16 = 6;
    pub(crate) const EXPR: u16 = 7;
    pub(crate) const KEY_END: u16 = 10;
    pub(crate) const EXPRESSIONS: u16 = 11;

    pub(crate) const LIST_TABLE: u16 = 1;
    pub(crate) const LIST_SET: u16 = 2;
    pub(crate) const LIST_ELEMENTS: u16 = 3;
    pub(crate) const LIST_SET_ID: u16 = 4;

    pub(crate) const F_INTERVAL_END: u32 = 1;
    pub(crate) const F_CATCHALL: u32 = 2;
}

pub(crate) mod data {
    pub(crate) const VALUE: u16 = 1;
    pub(crate) const VERDICT: u16 = 2;

    pub(crate) const VERDICT_CODE: u16 = 1;
    pub(crate) const VERDICT_CHAIN: u16 = 2;

    pub(crate) const DROP: i32 = 0;
    pub(crate) const ACCEPT: i32 = 1;
    pub(crate) const CONTINUE: i32 = -1;
    pub(crate) const JUMP: i32 = -3;
    pub(crate) const GOTO: i32 = -4;
    pub(crate) const RETURN: i32 = -5;
}

/// `NFTA_EXPR_*` and, by expression, the attributes of its data.
pub(crate) mod expr {
    pub(crate) const NAME: u16 = 1;
    pub(crate) const DATA: u16 = 2;

    pub(crate) mod meta {
        pub(crate) const DREG: u16 = 1;
        pub(crate) const KEY: u16 = 2;
        pub(crate) const SREG: u16 = 3;
    }
    pub(crate) mod payload {
        pub(crate) const DREG: u16 = 1;
        pub(crate) const BASE: u16 = 2;
        pub(crate) const OFFSET: u16 = 3;
        pub(crate) const LEN: u16 = 4;
        pub(crate) const SREG: u16 = 5;
        pub(crate) const CSUM_TYPE: u16 = 6;
        pub(crate) const CSUM_OFFSET: u16 = 7;
        pub(crate) const CSUM_FLAGS: u16 = 8;
    }
    pub(crate) mod ct {
        pub(crate) const DREG: u16 = 1;
        pub(crate) const KEY: u16 = 2;
        pub(crate) const DIRECTION: u16 = 3;
        pub(crate) const SREG: u16 = 4;
    }
    pub(crate) mod fib {
        pub(crate) const DREG: u16 = 1;
        pub(crate) const RESULT: u16 = 2;
        pub(crate) const FLAGS: u16 = 3;

        pub(crate) const F_SADDR: u32 = 1;
        pub(crate) const F_DADDR: u32 = 2;
        pub(crate) const F_MARK: u32 = 4;
        pub(crate) const F_IIF: u32 = 8;
        pub(crate) const F_OIF: u32 = 16;
        pub(crate) const F_PRESENT: u32 = 32;
    }
    pub(crate) mod cmp {
        pub(crate) const SREG: u16 = 1;
        pub(crate) const OP: u16 = 2;
        pub(crate) const DATA: u16 = 3;
    }
    pub(crate) mod range {
        pub(crate) const SREG: u16 = 1;
        pub(crate) const OP: u16 = 2;
        pub(crate) const FROM: u16 = 3;
        pub(crate) const TO: u16 = 4;
    }
    pub(crate) mod bitwise {
        pub(crate) const SREG: u16 = 1;
        pub(crate) const DREG: u16 = 2;
        pub(crate) const LEN: u16 = 3;
        pub(crate) const MASK: u16 = 4;
        pub(crate) const XOR: u16 = 5;
        pub(crate) const OP: u16 = 6;

        pub(crate) const MASK_XOR: u32 = 0;
    }
    pub(crate) mod lookup {
        pub(crate) const SET: u16 = 1;
        pub(crate) const SREG: u16 = 2;
        pub(crate) const DREG: u16 = 3;
        pub(crate) const SET_ID: u16 = 4;
        pub(crate) const FLAGS: u16 = 5;

        pub(crate) const F_INVERT: u32 = 1;
    }
    pub(crate) mod immediate {
        pub(crate) const DREG: u16 = 1;
        pub(crate) const DATA: u16 = 2;
    }
    pub(crate) mod counter {
        pub(crate) const BYTES: u16 = 1;
        pub(crate) const PACKETS: u16 = 2;
    }
    pub(crate) mod limit {
        pub(crate) const RATE: u16 = 1;
        pub(crate) const UNIT: u16 = 2;
        pub(crate) const BURST: u16 = 3;
        pub(crate) const TYPE: u16 = 4;
        pub(crate) const FLAGS: u16 = 5;

        pub(crate) const F_INVERT: u32 = 1;
    }
    pub(crate) mod log {
        pub(crate) const GROUP: u16 = 1;
        pub(crate) const PREFIX: u16 = 2;
        pub(crate) const SNAPLEN: u16 = 3;
        pub(crate) const QTHRESHOLD: u16 = 4;
        pub(crate) const LEVEL: u16 = 5;
        pub(crate) const FLAGS: u16 = 6;

        /// `LOGLEVEL_WARNING`, which Linux fills in where none is given.
        pub(crate) const LEVEL_DEFAULT: u32 = 4;
    }
    pub(crate) mod reject {
        pub(crate) const TYPE: u16 = 1;
        pub(crate) const ICMP_CODE: u16 = 2;

        pub(crate) const ICMP_UNREACH: u32 = 0;
        pub(crate) const TCP_RST: u32 = 1;
        pub(crate) const ICMPX_UNREACH: u32 = 2;
    }
    pub(crate) mod dynset {
        pub(crate) const SET_NAME: u16 = 1;
        pub(crate) const OP: u16 = 3;
        pub(crate) const SREG_KEY: u16 = 4;
        pub(crate) const SREG_DATA: u16 = 5;
        pub(crate) const TIMEOUT: u16 = 6;
        pub(crate) const EXPR: u16 = 7;
        pub(crate) const FLAGS: u16 = 9;
        pub(crate) const EXPRESSIONS: u16 = 10;

        pub(crate) const F_INVERT: u32 = 1;
        pub(crate) const F_EXPRESSIONS: u32 = 2;
    }
    pub(crate) mod byteorder {
        pub(crate) const SREG: u16 = 1;
        pub(crate) const DREG: u16 = 2;
        pub(crate) const OP: u16 = 3;
        pub(crate) const LEN: u16 = 4;
        pub(crate) const SIZE: u16 = 5;

        pub(crate) const NTOH: u32 = 0;
        pub(crate) const HTON: u32 = 1;
    }
    pub(crate) mod nat {
        pub(crate) const TYPE: u16 = 1;
        pub(crate) const FAMILY: u16 = 2;
        pub(crate) const REG_ADDR_MIN: u16 = 3;
        pub(crate) const REG_ADDR_MAX: u16 = 4;
        pub(crate) const REG_PROTO_MIN: u16 = 5;
        pub(crate) const REG_PROTO_MAX: u16 = 6;
        pub(crate) const FLAGS: u16 = 7;

        pub(crate) const SNAT: u32 = 0;
        pub(crate) const DNAT: u32 = 1;

        /// `NF_NAT_RANGE_*`: the first two follow from the registers.
        pub(crate) const F_MAP_IPS: u32 = 1;
        pub(crate) const F_PROTO_SPECIFIED: u32 = 2;
        pub(crate) const F_RANDOM: u32 = 4;
        pub(crate) const F_PERSISTENT: u32 = 8;
        pub(crate) const F_FULLY_RANDOM: u32 = 16;
        pub(crate) const F_NETMAP: u32 = 64;
    }
    pub(crate) mod masq {
        pub(crate) const FLAGS: u16 = 1;
        pub(crate) const REG_PROTO_MIN: u16 = 2;
        pub(crate) const REG_PROTO_MAX: u16 = 3;
    }
    pub(crate) mod redir {
        pub(crate) const REG_PROTO_MIN: u16 = 1;
        pub(crate) const REG_PROTO_MAX: u16 = 2;
        pub(crate) const FLAGS: u16 = 3;
    }
    pub(crate) mod tproxy {
        pub(crate) const FAMILY: u16 = 1;
        pub(crate) const REG_ADDR: u16 = 2;
        pub(crate) const REG_PORT: u16 = 3;
    }
    pub(crate) mod objref {
        pub(crate) const IMM_TYPE: u16 = 1;
        pub(crate) const IMM_NAME: u16 = 2;
    }
    /// `NFTA_MATCH_*` and `NFTA_TARGET_*` of `nf_tables_compat.h`.
    pub(crate) mod xt {
        pub(crate) const NAME: u16 = 1;
        pub(crate) const REV: u16 = 2;
        pub(crate) const INFO: u16 = 3;
    }
}

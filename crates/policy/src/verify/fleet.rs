//! The cluster's nodes in classes: nodes of one class have one plan, but for their own addresses.
//! Not here: what is asked of them.
//!
//! A class is planned as a node that is none of the inventory's, so that its sets hold every node, its own
//! members too. A member's own ruleset lacks that member's addresses and is the same in all else. Whoever asks
//! leaves out flows from a node to itself, which go by loopback, and then the class answers for each member
//! exactly: ten thousand nodes cost as many rulesets as there are sets of roles.

use crate::plan::{self, Me};
use crate::{
    Catalogue, Inventory, Network, Node, NodeName, Observed, Place, Plan, PortRange, RoleName, Settings,
};
use rolewall_ruleset::judge::Environment;
use rolewall_ruleset::{Generation, Ruleset};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What every node's plan follows from.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// What roles serve and need.
    pub catalogue: &'a Catalogue,
    /// Who is in the cluster.
    pub inventory: &'a Inventory,
    /// This node's settings, which are taken for every node's.
    pub settings: &'a Settings,
    /// What the vendor's files say of the whole cluster's services.
    pub told: &'a Observed,
}

/// This host: its plan, and the ruleset that is held against something.
#[derive(Debug, Clone, Copy)]
pub struct This<'a> {
    /// What it should do.
    pub plan: &'a Plan,
    /// What it does, or would.
    pub ruleset: &'a Ruleset,
    /// The host and the world.
    pub environment: &'a Environment,
}

/// A node, as far as flows to and from it tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: NodeName,
    /// Its addresses on the private network.
    pub private: Vec<IpAddr>,
    /// Its addresses on the public network.
    pub public: Vec<IpAddr>,
    /// Its line of the inventory.
    pub place: Option<Place>,
}

impl Member {
    /// Its addresses on a network; on both where none is named.
    pub fn addresses(&self, network: Option<Network>) -> impl Iterator<Item = IpAddr> {
        let private = self.private.iter().filter(move |_| network != Some(Network::Public));
        let public = self.public.iter().filter(move |_| network != Some(Network::Private));
        private.chain(public).copied()
    }
}

/// Nodes with one plan.
#[derive(Debug, Clone)]
pub struct Class {
    /// The plan's node: with the members' roles and ports, and none of their names and addresses. This host
    /// is a class by itself, with what it is.
    pub me: Me,
    /// In the order of the inventory.
    pub members: Vec<Member>,
    /// Whether it is this host.
    pub is_this: bool,
}

/// Every node of the cluster.
#[derive(Clone, Copy)]
pub struct Fleet<'a> {
    /// What plans follow from.
    pub basis: Basis<'a>,
    /// This host.
    pub this: This<'a>,
    /// A generation as the ruleset that it is once packets are led to it.
    pub in_force: &'a dyn Fn(Generation) -> Ruleset,
}

impl Fleet<'_> {
    /// This host, then the other nodes by what their plans follow from.
    pub fn classes(&self) -> Vec<Class> {
        let mut classes = vec![self.this_host()];
        let mut places: BTreeMap<Kind<'_>, usize> = BTreeMap::new();
        let others = self.basis.inventory.nodes.iter();
        for node in others.filter(|node| node.name != self.this.plan.me.name) {
            let at = *places.entry(kind(node)).or_insert_with(|| {
                classes.push(self.class(node));
                classes.len() - 1
            });
            classes[at].members.push(member(node));
        }
        classes
    }

    fn this_host(&self) -> Class {
        let me = &self.this.plan.me;
        let node = self.basis.inventory.nodes.iter().find(|node| node.name == me.name);
        let unknown = || Member {
            name: me.name.clone(),
            private: Vec::new(),
            public: me.addresses.clone(),
            place: me.place.clone(),
        };
        let members = vec![node.map_or_else(unknown, member)];
        Class { me: me.clone(), members, is_this: true }
    }

    fn class(&self, node: &Node) -> Class {
        let observed = Observed { told: self.basis.told.told.clone(), ..Observed::default() };
        let nobody = NodeName(String::new());
        let me = Me { name: nobody, addresses: Vec::new(), ..Me::from_node(node, &observed) };
        Class { me, members: Vec::new(), is_this: false }
    }

    /// What a class's nodes should do.
    pub fn plan(&self, class: &Class) -> Plan {
        if class.is_this {
            return self.this.plan.clone();
        }
        let Basis { catalogue, inventory, settings, told: _ } = self.basis;
        plan::derive(plan::Inputs { catalogue, inventory, settings, me: &class.me })
    }

    /// What a plan's ruleset is.
    pub fn lowered(&self, plan: &Plan) -> Ruleset {
        (self.in_force)(crate::lower::lower(plan, "v"))
    }
}

/// What a node's plan follows from, beside its addresses.
type Kind<'n> = (&'n BTreeSet<RoleName>, &'n BTreeMap<RoleName, Vec<PortRange>>, &'n BTreeSet<RoleName>);

fn kind(node: &Node) -> Kind<'_> {
    (&node.roles, &node.ports, &node.admin_public)
}

fn member(node: &Node) -> Member {
    Member {
        name: node.name.clone(),
        private: node.private.clone(),
        public: node.public.clone(),
        place: Some(node.place.clone()),
    }
}

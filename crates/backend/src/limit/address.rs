//! Which client a request comes from. Pure.
//!
//! Whoever connects is the client, unless it is one of our own proxies: then the client is
//! the last hop that none of them is, as they wrote it down in `X-Forwarded-For`. What stands
//! further left was written by the client and is worth nothing.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use ipnet::IpNet;

/// The bits of an IPv6 address that a provider gives to one customer; whoever has one
/// address has all of its network, and must not be a new client with each.
const V6_NETWORK: u128 = !0 << 64;

/// A client, as limits count them: an IPv4 address, or the /64 network of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        // The same machine, whether the listener speaks IPv6 or not.
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & V6_NETWORK).into(),
        })
    }
}

impl ClientAddress {
    /// The IPv4 address, or the first address of the IPv6 network.
    pub const fn network(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

/// Our own proxies, whose word on where a request comes from we take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client behind a connection from `peer` whose request says that it was `forwarded`
    /// for these hops: the entries of `X-Forwarded-For`, in their order.
    pub fn client<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
    ) -> ClientAddress {
        let mut client = peer.to_canonical();
        for entry in forwarded.rev() {
            // What a proxy says of its own peer is taken; an untrusted hop's word is not, and
            // neither is what is no address.
            match hop(entry) {
                Some(address) if self.trusts(client) => client = address,
                _ => break,
            }
        }
        client.into()
    }
}

/// An address in `X-Forwarded-For`. Some proxies add the port, and brackets around IPv6.
fn hop(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim_matches([' ', '\t']);
    let bare = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let address = entry.parse().ok();
    let address = address.or_else(|| entry.parse().ok().map(|address: SocketAddr| address.ip()));
    address.or_else(bare).map(|address: IpAddr| address.to_canonical())
}

impl FromStr for TrustedProxies {
    type Err = String;

    /// Reads networks such as `10.0.0.0/8`, and single addresses, with commas between them.
    fn from_str(text: &str) -> Result<Self, String> {
        let network = |text: &str| {
            let text = text.trim();
            let single = || text.parse().ok().map(|address: IpAddr| address.into());
            text.parse().ok().or_else(single).ok_or_else(|| {
                "must be networks such as 10.0.0.0/8,2001:db8::/32, or single addresses".to_owned()
            })
        };
        text.split(',').map(network).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(proxies: &str, peer: &str, forwarded: &str) -> String {
        let proxies = match proxies {
            "" => TrustedProxies::default(),
            list => list.parse().unwrap(),
        };
        proxies.client(peer.parse().unwrap(), forwarded.split(',')).to_string()
    }

    #[test]
    fn without_proxies_of_ours_the_peer_is_the_client() {
        assert_eq!(client("", "192.0.2.1", "198.51.100.9"), "192.0.2.1");
        assert_eq!(client("", "127.0.0.1", "198.51.100.9"), "127.0.0.1");
        assert_eq!(client("10.0.0.0/8", "192.0.2.1", "198.51.100.9"), "192.0.2.1");
    }

    #[test]
    fn behind_proxies_of_ours_it_is_the_last_hop_that_is_none_of_them() {
        let ours = "10.0.0.0/8, 203.0.113.7,2001:db8:1::/48";
        for (forwarded, wanted) in [
            ("198.51.100.9", "198.51.100.9"),
            ("1.2.3.4, 198.51.100.9", "198.51.100.9"),
            ("1.2.3.4, 198.51.100.9, 10.1.1.1", "198.51.100.9"),
            ("1.2.3.4,\t198.51.100.9 ,203.0.113.7,10.1.1.1", "198.51.100.9"),
            ("198.51.100.9:51234", "198.51.100.9"),
            ("2001:db8:5:6:7::8", "2001:db8:5:6::/64"),
            ("[2001:db8:5:6:7::8]:51234", "2001:db8:5:6::/64"),
            ("[2001:db8:5:6:7::8]", "2001:db8:5:6::/64"),
            ("198.51.100.9, 2001:db8:1:2::3", "198.51.100.9"),
            ("::ffff:198.51.100.9", "198.51.100.9"),
            ("198.51.100.9, ::ffff:10.2.2.2", "198.51.100.9"),
            // All are ours: a probe from inside.
            ("10.7.7.7, 10.1.1.1", "10.7.7.7"),
            // What is no address ends the list, and nothing further left counts.
            ("198.51.100.9, unknown", "10.0.0.1"),
            ("198.51.100.9, unknown, 10.1.1.1", "10.1.1.1"),
            ("198.51.100.9, _hidden", "10.0.0.1"),
            ("198.51.100.9,", "10.0.0.1"),
            ("198.51.100.9, 10.0.0.256", "10.0.0.1"),
            ("198.51.100.9, fe80::1%eth0", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(client(ours, "10.0.0.1", forwarded), wanted, "{forwarded}");
            assert_eq!(client(ours, "::ffff:10.0.0.1", forwarded), wanted, "{forwarded}");
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let of = |text: &str| ClientAddress::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::1").to_string(), "::/64");
    }

    #[test]
    fn proxies_are_networks_or_addresses() {
        for bad in ["", "10.0.0.0/33", "10.0.0.0/8,", "proxy.example", "10.0.0/8", "*"] {
            assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
        }
    }

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(IpAddr::from),
            // As a proxy of ours writes them.
            any::<[u8; 3]>().prop_map(|[b, c, d]| IpAddr::from([10, b, c, d])),
            any::<[u8; 16]>().prop_map(IpAddr::from),
        ]
    }

    /// What a client may write into the header itself.
    fn lie() -> impl Strategy<Value = String> {
        prop_oneof![address().prop_map(|address| address.to_string()), ".{0,40}"]
    }

    proptest! {
        /// Whatever a client sends along, it stands left of what our proxy adds.
        #[test]
        fn a_client_never_chooses_its_address(
            lies in prop::collection::vec(lie(), 0..6),
            real in address(),
            hops in prop::collection::vec(any::<[u8; 3]>(), 0..3),
        ) {
            let ours: TrustedProxies = "10.0.0.0/8".parse().unwrap();
            prop_assume!(!ours.trusts(real.to_canonical()));
            let hops = hops.into_iter().map(|[b, c, d]| format!("10.{b}.{c}.{d}"));
            let said: Vec<_> = lies.into_iter().chain([real.to_string()]).chain(hops).collect();
            let said = said.join(",");
            let client = ours.client([10, 0, 0, 1].into(), said.split(','));
            prop_assert_eq!(client, ClientAddress::from(real));
        }

        #[test]
        fn an_untrusted_peer_is_the_client_whatever_it_says(
            peer in address(),
            said in ".{0,120}",
        ) {
            let nobody = TrustedProxies::default();
            let client = nobody.client(peer, said.split(','));
            prop_assert_eq!(client, ClientAddress::from(peer));
        }
    }
}

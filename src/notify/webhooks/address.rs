//! Where a webhook may go. A shop names the address, and this machine dials it: whatever is not plainly the public internet is refused, by the
//! address that is dialled and not by the name that led to it.

use crate::kernel::Network;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 addresses that are nobody's on the public internet, by the documents that say so (the IANA registry of special-purpose addresses).
const V4_SHUT: [Network; 15] = [
    Network::v4([0, 0, 0, 0], 8),       // this network: RFC 791
    Network::v4([10, 0, 0, 0], 8),      // private: RFC 1918
    Network::v4([100, 64, 0, 0], 10),   // behind a carrier's NAT: RFC 6598
    Network::v4([127, 0, 0, 0], 8),     // loopback: RFC 1122
    Network::v4([169, 254, 0, 0], 16),  // link-local, and the clouds' metadata: RFC 3927
    Network::v4([172, 16, 0, 0], 12),   // private: RFC 1918
    Network::v4([192, 0, 0, 0], 24),    // protocol assignments: RFC 6890
    Network::v4([192, 0, 2, 0], 24),    // documentation: RFC 5737
    Network::v4([192, 88, 99, 0], 24),  // 6to4 relays: RFC 7526
    Network::v4([192, 168, 0, 0], 16),  // private: RFC 1918
    Network::v4([198, 18, 0, 0], 15),   // benchmarks: RFC 2544
    Network::v4([198, 51, 100, 0], 24), // documentation: RFC 5737
    Network::v4([203, 0, 113, 0], 24),  // documentation: RFC 5737
    Network::v4([224, 0, 0, 0], 4),     // multicast: RFC 1112
    Network::v4([240, 0, 0, 0], 4),     // reserved, and broadcast: RFC 1112, RFC 919
];

/// All that was ever given out for the public internet: RFC 4291, section 2.4. Outside of it are loopback, unique local, link-local, multicast and the
/// ways to write an IPv4 address in IPv6.
const V6_OPEN: Network = Network::v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// What of it is nobody's.
const V6_SHUT: [Network; 4] = [
    Network::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments, among them Teredo's tunnels: RFC 2928, RFC 4380
    Network::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation: RFC 3849
    Network::v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4, which holds an IPv4 address: RFC 3056
    Network::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation: RFC 9637
];
/// IPv4 through a translator, its address in the last four bytes: RFC 6052.
const NAT64: Network = Network::v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// Whether the address is one of the public internet.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => !V4_SHUT.iter().any(|shut| shut.contains(ip)),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_public(v4.into()),
            None => V6_OPEN.contains(ip) && !V6_SHUT.iter().any(|shut| shut.contains(ip)),
        },
    }
}

/// The IPv4 address that an IPv6 address only stands for: mapped (RFC 4291), or to be translated.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    if let Some(mapped) = v6.to_ipv4_mapped() {
        return Some(mapped);
    }
    let [.., a, b, c, d] = v6.octets();
    NAT64.contains(v6.into()).then_some(Ipv4Addr::from([a, b, c, d]))
}

/// Whether a request may be sent there. `ours` are the networks that the operator opened: there any port will do, and plain HTTP.
pub(super) fn may_dial(ours: &[Network], https: bool, ip: IpAddr, port: u16) -> bool {
    if ours.iter().any(|network| network.contains(ip)) {
        return true;
    }
    https && port == 443 && is_public(ip)
}

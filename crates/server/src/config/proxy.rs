//! The proxies in front of the service, whose word on who is calling is believed.

use std::net::IpAddr;

use ipnet::IpNet;

use super::setting::{Setting, each, joined};

/// The proxies in front of the service.
#[derive(Debug, Clone, Default)]
pub struct ProxySettings {
    /// Networks of the proxies; forwarding headers of anybody else are ignored.
    pub trusted: Vec<IpNet>,
}

pub(super) const SETTINGS: &[Setting] = &[Setting::list(
    "proxy.trusted",
    "networks of the proxies whose X-Forwarded-For and -Proto are believed, such as 10.0.0.0/8 (none)",
    |config, text| {
        config.proxy.trusted = each(text, network)?;
        Ok(())
    },
    |config| joined(&config.proxy.trusted),
)];

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<IpAddr>().map(IpNet::from);
    let network: IpNet =
        text.parse().or_else(|_| one()).map_err(|_| "is not a network such as 10.0.0.0/8".to_owned())?;
    Ok(network.trunc())
}

//! Fair shares: what the settings of limits and quotas mean.

use super::{ConfigError, Raw};
use crate::{
    limit::{ConnectionLimits, Limit, LimitSettings, Rate, TrustedProxies, ViewerLimits},
    store::{Quota, Quotas},
};

pub(super) fn limits(raw: &Raw) -> Result<LimitSettings, ConfigError> {
    let rate = |limit: &Limit| match raw.with(limit.name(), rate) {
        Ok(rate) => rate.map(|rate| Ok((*limit, rate))),
        Err(error) => Some(Err(error)),
    };
    Ok(LimitSettings {
        rates: Limit::ALL.iter().filter_map(rate).collect::<Result<_, _>>()?,
        viewers: ViewerLimits {
            per_session: raw.with("viewers-per-session", most)?,
            per_address: raw.with("viewers-per-address", most)?,
            per_node: raw.with("viewers-per-node", most)?,
        },
        connections: ConnectionLimits {
            per_address: raw.with("connections-per-address", most)?,
            per_node: raw.with("connections-per-node", most)?,
        },
        proxies: raw.optional("trusted-proxy", str::parse::<TrustedProxies>)?.unwrap_or_default(),
    })
}

pub(super) fn quotas(raw: &Raw) -> Result<Quotas, ConfigError> {
    let quota = |sessions, bytes| {
        Ok(Quota { sessions: raw.with(sessions, most)?, bytes: raw.with(bytes, most)? })
    };
    Ok(Quotas {
        user: quota("sessions-per-user", "bytes-per-user")?,
        public: quota("public-sessions-in-all", "public-bytes-in-all")?,
        public_from_address: quota("public-sessions-per-address", "public-bytes-per-address")?,
        all: quota("sessions-in-all", "bytes-in-all")?,
    })
}

fn rate(value: &str) -> Result<Option<Rate>, String> {
    match value {
        "off" | "0" => Ok(None),
        rate => rate.parse().map(Some),
    }
}

/// A number that is not passed; the highest there is where nothing is to stop anyone.
fn most(value: &str) -> Result<u64, String> {
    match value {
        "off" | "0" => Ok(u64::MAX),
        number => number.parse().map_err(|_| "must be a whole number, or off".to_owned()),
    }
}

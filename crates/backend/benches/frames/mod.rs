//! The frames that are measured.

use backend::encode::Terms;
use common::{Frame, Revision, api::Visibility};
use time::OffsetDateTime;

/// Of a public session.
pub(crate) const TERMS: Terms = Terms {
    visibility: Visibility::Public,
    expires_at: OffsetDateTime::UNIX_EPOCH,
    max_frames_per_second: None,
};

/// A drawing of about so many bytes in which a number changes.
pub(crate) fn drawing(seq: u64, bytes: usize) -> Frame {
    let number = |p: u64| p.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let mut svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><text>{seq:08}</text>");
    for p in 0.. {
        if svg.len() + 32 > bytes {
            break;
        }
        svg.push_str(&format!("<path d=\"M{} {}\"/>", number(p), number(p + 99_999)));
    }
    svg.push_str("</svg>");
    Frame { revision: Revision { epoch: 1, seq }, svg: svg.into() }
}

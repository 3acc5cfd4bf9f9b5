//! The names under which a request is found again: its trace (W3C Trace Context), which it
//! shares with everything that was done for the same purpose, and its own.

use std::fmt;

/// Longest request id that is taken from a client, in characters.
const MAX_REQUEST_ID: usize = 64;

/// The length of a `traceparent` of version 00.
const TRACEPARENT_LENGTH: usize = 55;

/// The flag that says that the caller keeps this trace.
const SAMPLED: u8 = 1;

/// Which trace a request belongs to, and what stands for it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    sampled: bool,
}

impl TraceContext {
    /// A trace that begins here.
    pub fn new() -> Self {
        // Zero is no valid id, and would come once in 2^128 times.
        Self { trace: rand::random::<u128>().max(1), span: span(), sampled: false }
    }

    /// Reads a `traceparent` (W3C Trace Context §3.2); `None` if it is not valid. Of a version
    /// that is not known yet, the parts are read that every version has.
    pub fn parse(header: &str) -> Option<Self> {
        let known = header.get(..TRACEPARENT_LENGTH)?;
        let more = &header[TRACEPARENT_LENGTH..];
        let mut parts = known.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32).filter(|trace| *trace != 0)?;
        let span = hex(parts.next()?, 16).filter(|span| *span != 0)?;
        let flags = hex(parts.next()?, 2)?;
        let whole = match version {
            0xff => false,
            0 => more.is_empty(),
            _ => more.is_empty() || more.starts_with('-'),
        };
        let sampled = u8::try_from(flags).ok()? & SAMPLED != 0;
        let whole = whole && parts.next().is_none();
        whole.then_some(Self { trace, span: u64::try_from(span).ok()?, sampled })
    }

    /// A place of its own in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: span(), ..self }
    }

    /// The name of the trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

impl Default for TraceContext {
    fn default() -> Self {
        Self::new()
    }
}

/// As a `traceparent` of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

fn span() -> u64 {
    rand::random::<u64>().max(1)
}

/// `digits` as a number, if there are so many and all are small.
fn hex(digits: &str, count: usize) -> Option<u128> {
    let small = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let fits = digits.len() == count && digits.bytes().all(small);
    fits.then(|| u128::from_str_radix(digits, 16).ok())?
}

/// The client's own name for its request if it is harmless in a log and a header, or a new one.
pub fn request_id(given: Option<&str>) -> String {
    let harmless = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    given.filter(harmless).map_or_else(|| format!("{:032x}", rand::random::<u128>()), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_traceparent_is_read_as_it_is_written() {
        for (header, sampled) in [(VALID.to_owned(), true), (VALID.replace("-01", "-00"), false)] {
            let context = TraceContext::parse(&header).unwrap();
            assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
            assert_eq!(context.sampled, sampled);
            assert_eq!(context.to_string(), header);
        }
        // Flags that are not known are not passed on.
        let flags = TraceContext::parse(&VALID.replace("-01", "-ff")).unwrap();
        assert_eq!(flags.to_string(), VALID);
    }

    #[test]
    fn what_comes_after_version_00_is_read_as_far_as_it_is_known() {
        for header in [VALID.replacen("00", "01", 1), VALID.replacen("00", "fe", 1) + "-what-ever"]
        {
            assert_eq!(TraceContext::parse(&header), TraceContext::parse(VALID), "{header}");
        }
        assert_eq!(TraceContext::parse(&(VALID.replacen("00", "01", 1) + "x")), None);
    }

    #[test]
    fn nothing_else_names_a_trace() {
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0-04bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1x",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_child_stays_in_the_trace_under_another_name() {
        let parent = TraceContext::parse(VALID).unwrap();
        let child = parent.child();
        assert_eq!((child.trace, child.sampled), (parent.trace, parent.sampled));
        assert_ne!(child.span, parent.span);
        assert_eq!(TraceContext::parse(&child.to_string()), Some(child));
        assert_ne!(TraceContext::new().trace, TraceContext::new().trace);
    }

    #[test]
    fn a_request_keeps_a_harmless_name() {
        assert_eq!(request_id(Some("job-7.a_B")), "job-7.a_B");
        assert_eq!(request_id(Some(&"x".repeat(64))), "x".repeat(64));
        for bad in ["", "a b", "a\n", "<x>", "é", &"x".repeat(65)] {
            assert_eq!(request_id(Some(bad)).len(), 32, "{bad}");
        }
        assert_ne!(request_id(None), request_id(None));
    }
}

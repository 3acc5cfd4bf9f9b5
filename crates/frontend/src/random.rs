//! Names that nobody guesses, and that never come twice.

use leptos::prelude::window;
use web_sys::js_sys::Math;

/// 32 hexadecimal digits.
pub(crate) fn name() -> String {
    let mut bytes = [0; 16];
    let filled = window()
        .crypto()
        .is_ok_and(|crypto| crypto.get_random_values_with_u8_array(&mut bytes).is_ok());
    if !filled {
        // Nothing here is a secret: in so poor a browser it is enough that names differ.
        bytes.fill_with(|| (Math::random() * 256.0) as u8);
    }
    hex(&bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn a_byte_is_two_digits() {
        assert_eq!(hex(&[0, 9, 16, 255]), "000910ff");
    }
}

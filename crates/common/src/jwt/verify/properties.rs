//! What holds for every token, not only for those that someone thought of: random changes,
//! headers and claims against a model of the rules that is written down a second time here.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::{
    tests::{KEY, NOW, OTHER, claims, encoded, header, signed, verify, verify_with},
    *,
};
use crate::jwt::{Audience, unverified};

/// A token of ours, for changing.
fn token() -> String {
    KEY.sign(&claims()).unwrap()
}

/// Some JSON, up to a few levels deep.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-z]{1,4}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn claim_set() -> impl Strategy<Value = Claims> {
    let aud = prop_oneof![
        Just(Audience::One("easel".to_owned())),
        vec("[a-z]{0,8}", 0..3).prop_map(|mut many| {
            many.push("easel".to_owned());
            Audience::Many(many)
        }),
    ];
    let times = (-1_000_000..=30_i64, 1..1_000_000_000_i64, option::of(-1_000_000..=30_i64));
    ("[A-Za-z0-9_-]{1,64}", aud, times, ".{1,40}", option::of(".{0,40}")).prop_map(
        |(sub, aud, (iat, exp, nbf), jti, sid)| Claims {
            sub: sub.parse().unwrap(),
            iss: "easel".to_owned(),
            aud,
            iat: NOW + iat,
            exp: NOW + exp,
            nbf: nbf.map(|nbf| NOW + nbf),
            jti,
            sid,
        },
    )
}

/// A number as JSON may spell it, and the time that it means to us.
fn spelled_time() -> impl Strategy<Value = (String, Option<i64>)> {
    let whole = prop_oneof![-100..100_i64, any::<i64>().prop_map(|n| n.saturating_sub(NOW))];
    let whole = whole.prop_map(|n| NOW.saturating_add(n)).prop_map(|n| (n.to_string(), Some(n)));
    let other = select(vec![
        "1800000060.0",
        "1.80000006e9",
        "18000000600e-1",
        "9223372036854775808",
        "1e400",
        "-9223372036854775809",
        "99999999999999999999999999",
        "1e18",
        "null",
        "true",
        "[]",
        "{}",
        "\"1800000060\"",
        "[1800000060]",
        "-0.0",
        "NaN",
        "0x6b49d23c",
        "01800000060",
        "",
    ]);
    prop_oneof![3 => whole, 1 => other.prop_map(|text| (text.to_owned(), None))]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_is_read_back(claims in claim_set()) {
        let token = KEY.sign(&claims).unwrap();
        prop_assert_eq!(verify(&token), Ok(claims.clone()));
        prop_assert_eq!(unverified(&token), Some(claims));
        prop_assert_eq!(verify_with(&OTHER, &token, NOW), Err(TokenFault::Signature));
    }

    /// Any character, anywhere, in the place of any other.
    #[test]
    fn no_other_character_goes_unnoticed(at in any::<prop::sample::Index>(), other: char) {
        let token = token();
        let at = at.index(token.len());
        let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        prop_assert_eq!(verify(&changed).is_ok(), changed == token);
    }

    #[test]
    fn nothing_is_added_and_nothing_left_out(
        at in any::<prop::sample::Index>(),
        more in "[A-Za-z0-9_.=+/ \n-]{1,5}",
        fewer in 1..20_usize,
    ) {
        let token = token();
        let (head, tail) = token.split_at(at.index(token.len() + 1));
        let longer = format!("{head}{more}{tail}");
        prop_assert!(verify(&longer).is_err());
        let shorter = format!("{head}{}", tail.get(fewer..).unwrap_or(""));
        prop_assert_eq!(verify(&shorter).is_ok(), shorter == token);
    }

    #[test]
    fn no_text_is_too_strange(text in prop_oneof![
        ".{0,200}",
        "[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}",
        "\\.{0,8}",
    ]) {
        prop_assert!(verify(&text).is_err());
        prop_assert!(unverified(&text).is_none());
    }

    /// JSON of any form as header and claims, under a good signature.
    #[test]
    fn no_json_is_too_strange(header in json_value(), claims in json_value()) {
        prop_assert!(verify(&signed(&header.to_string(), &claims.to_string())).is_err());
    }

    /// Whatever else a header says: our three members decide, and an extension that changes
    /// how the rest is read is refused.
    #[test]
    fn a_header_is_believed_only_in_what_we_put_there(
        alg in select(vec!["RS256", "RS256", "RS256", "none", "HS256", "PS256", "rs256"]),
        typ in select(vec!["at+jwt", "at+jwt", "AT+JWT", "JWT", ""]),
        ours: bool,
        others in vec((select(vec!["crit", "b64", "jku", "x5u", "x5c", "x5t", "cty", "zip", "x"]),
                       json_value()), 0..3),
        own_key: bool,
    ) {
        let kid = if ours { &KEY.public().kid } else { &OTHER.public().kid };
        let mut header = Map::from_iter([
            ("alg".to_owned(), json!(alg)),
            ("typ".to_owned(), json!(typ)),
            ("kid".to_owned(), json!(kid)),
        ]);
        header.extend(others.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        if own_key {
            header.insert("jwk".to_owned(), serde_json::to_value(KEY.public()).unwrap());
        }
        let token = signed(
            &Value::Object(header.clone()).to_string(),
            &serde_json::to_string(&claims()).unwrap(),
        );
        let fits = alg == "RS256"
            && typ.eq_ignore_ascii_case("at+jwt")
            && !header.contains_key("crit")
            && !header.contains_key("b64");
        match ParsedToken::parse(&token) {
            Ok(parsed) => prop_assert!(fits && parsed.kid() == kid),
            Err(fault) => prop_assert!(!fits && fault == TokenFault::Format),
        }
        prop_assert_eq!(verify(&token).is_ok(), fits);
        // The key comes from our ring by its name; a token cannot bring its own.
        prop_assert!(verify_with(&OTHER, &token, NOW).is_err());
    }

    /// Times in every spelling, against the rules: issued and valid within the leeway, and
    /// not ended.
    #[test]
    fn times_are_whole_seconds_and_hold_to_the_edge(
        iat in spelled_time(), exp in spelled_time(), nbf in option::of(spelled_time()),
    ) {
        let mut text = format!(
            r#"{{"sub":"alice","iss":"easel","aud":"easel","jti":"1","iat":{},"exp":{}"#,
            iat.0, exp.0
        );
        if let Some((nbf, _)) = &nbf {
            text.push_str(&format!(r#","nbf":{nbf}"#));
        }
        text.push('}');
        // An nbf of null says nothing, as if it were not there.
        let nbf = match &nbf {
            Some((text, _)) if text == "null" => Some(NOW),
            Some((_, nbf)) => *nbf,
            None => Some(NOW),
        };
        let verdict = verify(&signed(&header(), &text));
        match (iat.1, exp.1, nbf) {
            (Some(iat), Some(exp), Some(nbf)) if iat <= NOW + 30 && nbf <= NOW + 30 => {
                match exp > NOW {
                    true => prop_assert!(verdict.is_ok(), "{text}"),
                    false => prop_assert_eq!(verdict, Err(TokenFault::Expired)),
                }
            }
            _ => {
                let fault = verdict.unwrap_err();
                prop_assert!(matches!(fault, TokenFault::Claims | TokenFault::Format), "{text}");
            }
        }
    }

    #[test]
    fn no_member_comes_twice(
        name in select(vec!["sub", "iss", "aud", "iat", "exp", "jti", "unknown"]),
        value in json_value(),
        first: bool,
    ) {
        let once = serde_json::to_string(&claims()).unwrap().replacen('{', r#"{"unknown":1,"#, 1);
        let member = format!(r#""{name}":{value}"#);
        let twice = match first {
            true => once.replacen('{', &format!("{{{member},"), 1),
            false => format!("{},{member}}}", once.trim_end_matches('}')),
        };
        prop_assert!(verify(&signed(&header(), &once)).is_ok());
        prop_assert_eq!(verify(&signed(&header(), &twice)), Err(TokenFault::Format));
    }

    #[test]
    fn an_audience_is_one_name_or_several(many in vec("[a-z]{1,6}", 0..4), ours: bool) {
        let mut many = many;
        if ours {
            many.insert(many.len() / 2, "easel".to_owned());
        }
        let meant = many.iter().any(|one| one == "easel");
        let mut all = serde_json::to_value(claims()).unwrap();
        all["aud"] = json!(many);
        prop_assert_eq!(verify(&signed(&header(), &all.to_string())).is_ok(), meant);
        for wrong in [json!([many]), json!({ "easel": many }), json!(["easel", 1]), json!(true)] {
            all["aud"] = wrong;
            let verdict = verify(&signed(&header(), &all.to_string()));
            prop_assert_eq!(verdict, Err(TokenFault::Claims));
        }
    }
}

#[test]
fn depth_is_refused_before_it_is_felt() {
    for open in ["[", r#"{"a":"#] {
        let deep = format!(r#"{{"x":{}"#, open.repeat(900 / open.len()));
        assert_eq!(verify(&signed(&header(), &deep)), Err(TokenFault::Format));
        assert_eq!(verify(&signed(&deep, "{}")), Err(TokenFault::Format));
    }
    let whole = format!(r#"{{"x":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
    assert_eq!(verify(&signed(&header(), &whole)), Err(TokenFault::Format));
}

#[test]
fn a_token_that_is_too_long_is_not_even_parsed() {
    let mut long = claims();
    // As long as may be, and a character more: the rest of both is in order.
    for length in 2000..=MAX_TOKEN_BYTES {
        long.jti = "j".repeat(length);
        let token = KEY.sign(&long).unwrap();
        if token.len() > MAX_TOKEN_BYTES {
            assert_eq!(ParsedToken::parse(&token).err(), Some(TokenFault::Format));
            long.jti.pop();
            assert!(verify(&KEY.sign(&long).unwrap()).is_ok(), "{}", token.len());
            return;
        }
    }
    panic!("no token was too long");
}

#[test]
fn white_space_and_other_encodings_are_not_ours() {
    let token = token();
    let body = serde_json::to_string(&claims()).unwrap();
    let parts: Vec<_> = token.split('.').collect();
    for bad in [
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}==.{}", parts[0], parts[1], parts[2]),
        token.replace('-', "+").replace('_', "/") + "+",
        format!("{token}\0"),
        format!("{}.{}", encoded(&header()), encoded(&body)),
        signed(&format!("\u{feff}{}", header()), &body),
        signed(&header(), &format!("{body}{body}")),
        signed(&header(), &format!("{body},")),
    ] {
        assert!(verify(&bad).is_err(), "{bad:.80}");
    }
}

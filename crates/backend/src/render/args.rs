//! Args on their way into a template: JSON becomes the engine's own values in one step.

use std::{borrow::Cow, fmt};

use common::api::Args;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use tera::{Context, Map, TeraResult, Value, value::Key};

/// What a template is given.
#[derive(Debug)]
pub(super) struct Given(pub(super) Context);

impl Given {
    /// Reads a JSON object.
    pub(super) fn read(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }

    /// Takes what was read already.
    pub(super) fn of(args: &Args) -> TeraResult<Self> {
        Context::from_serialize(args).map(Self)
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Given;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Given, A::Error> {
                let mut context = Context::new();
                while let Some(name) = members.next_key::<String>()? {
                    context.insert_value(Cow::Owned(name), members.next_value_seed(AnyValue)?);
                }
                Ok(Given(context))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Any JSON.
struct AnyValue;

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::none())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(AnyValue)? {
            list.push(element);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<Cow<str>>()? {
            map.insert(Key::String(name.into()), members.next_value_seed(AnyValue)?);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use serde_json::json;

    use super::*;

    fn json_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|b| json!(b)),
            any::<i64>().prop_map(|n| json!(n)),
            any::<u64>().prop_map(|n| json!(n)),
            any::<f64>().prop_map(|n| json!(n)),
            ".{0,30}".prop_map(|text| json!(text)),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..5).prop_map(|list| json!(list)),
                vec((".{0,6}", inner), 0..5)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Whichever way args take, the template sees the same.
        #[test]
        fn what_is_read_is_what_the_engine_would_make_of_it(
            members in vec((".{0,6}", json_value()), 0..6),
        ) {
            let json = serde_json::to_vec(&members.into_iter().collect::<Args>()).unwrap();
            let read = Given::read(&json).unwrap().0;
            let args: Args = serde_json::from_slice(&json).unwrap();
            let made = Given::of(&args).unwrap().0;
            prop_assert_eq!(&read, &made);
            // Numbers of several kinds are equal, and print differently.
            prop_assert_eq!(format!("{read:?}"), format!("{made:?}"));
        }
    }

    #[test]
    fn nothing_but_an_object_is_read() {
        for json in ["", "[]", "1", "{", "{}x", "{\"a\":}", "null", &"[".repeat(1000)] {
            assert!(Given::read(json.as_bytes()).is_err(), "{json:.20}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert!(Given::read(deep.as_bytes()).is_err());
    }
}

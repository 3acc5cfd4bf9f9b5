//! Steps that Redis does as one.

use fred::{
    error::Error,
    interfaces::LuaInterface,
    types::{FromValue, MultipleKeys, Value, scripts::Script},
};

use super::RedisConnection;

macro_rules! scripts {
    ($($name:ident: $($file:literal)+;)*) => {
        /// Every script, known by its hash; sent once to a server that does not have it.
        #[derive(Debug, Clone)]
        pub(super) struct Scripts { $(pub(super) $name: Script,)* }

        impl Default for Scripts {
            fn default() -> Self {
                Self {
                    $($name: Script::from_lua(concat!(
                        $(include_str!(concat!("scripts/", $file, ".lua")), "\n"),+
                    )),)*
                }
            }
        }
    };
}

scripts! {
    reserve: "index" "reserve";
    release: "index" "release";
    take_expired: "index" "take_expired";
    create: "own" "create";
    update: "own" "update";
    delete: "own" "delete";
    expire: "own" "expire";
    list: "list";
    replace_ring: "replace_ring";
    issue_ticket: "issue_ticket";
    redeem_ticket: "redeem_ticket";
    take_share: "take_share";
    begin_run: "begin_run";
    finish_run: "finish_run";
    abandon_run: "abandon_run";
}

/// Runs a script. One whose answer got lost is not run again: it may have changed something.
pub(super) async fn run<R: FromValue>(
    redis: &RedisConnection,
    script: &Script,
    keys: impl Into<MultipleKeys>,
    args: Vec<Value>,
) -> Result<R, Error> {
    let keys = keys.into();
    let once = redis.once();
    let asked = once.evalsha(script.sha1().clone(), keys.clone(), args.clone());
    match redis.answer(asked).await {
        Err(error) if error.details().starts_with("NOSCRIPT") => {
            script.load(&redis.client).await?;
            once.evalsha(script.sha1().clone(), keys, args).await
        }
        answer => answer,
    }
}

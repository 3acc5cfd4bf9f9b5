//! A headless Chromium of one's own, driven over WebDriver.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use fantoccini::{Client, ClientBuilder, Locator, elements::Element, wd::Capabilities};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wait;

const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--force-device-scale-factor=1",
];

/// How large a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// A screen on a desk.
    Desk,
    /// A phone, upright.
    Phone,
}

impl Size {
    fn pixels(self) -> (u32, u32) {
        match self {
            Self::Desk => (1280, 800),
            Self::Phone => (390, 844),
        }
    }
}

/// A browser with one window. Dropping it ends it and its driver.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    // The driver ends the browser when it is told to stop, and before their directory goes.
    driver: Driver,
    _profile: TempDir,
}

impl Browser {
    /// Opens a window.
    ///
    /// # Panics
    /// When Chromium or ChromeDriver is missing or does not start: nothing is skipped.
    pub async fn open(size: Size) -> Self {
        let driver = tokio::task::spawn_blocking(Driver::start).await.expect("a driver");
        let profile = tempfile::tempdir().expect("a directory for the profile");
        let (width, height) = size.pixels();
        let mut args: Vec<_> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        args.push(format!("--window-size={width},{height}"));
        let mut options = json!({ "args": args });
        if size == Size::Phone {
            // No window is as narrow as a phone.
            let phone = json!({ "width": width, "height": height, "pixelRatio": 1, "touch": true });
            options["mobileEmulation"] = json!({ "deviceMetrics": phone });
        }
        if let Some(chrome) = env::var_os("CHROME") {
            options["binary"] = json!(chrome.to_string_lossy());
        }
        let capabilities: Capabilities = [
            ("goog:chromeOptions".to_owned(), options),
            // A page with a live picture never finishes loading.
            ("pageLoadStrategy".to_owned(), json!("none")),
        ]
        .into_iter()
        .collect();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let url = format!("http://{}", driver.address);
        let session = builder.capabilities(capabilities).connect(&url);
        let client = wait::soon("a browser", session).await.expect("a browser session");
        Self { client, driver, _profile: profile }
    }

    /// The WebDriver client, for everything that has no verb here.
    pub fn driver(&self) -> &Client {
        &self.client
    }

    /// Goes to a page and waits until its elements are there.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn goes_to(&self, url: &str) {
        wait::soon("a page", self.client.goto(url)).await.expect("a page");
        wait::until("a page", async || {
            let here = self.evaluates("return [location.href, document.readyState]").await;
            let (href, state) = (here[0].as_str()?.to_owned(), here[1].as_str()?.to_owned());
            (href.starts_with(url) && state != "loading").then_some(())
        })
        .await;
    }

    /// Runs a script in the page: what it returns.
    ///
    /// # Panics
    /// When it throws.
    pub async fn evaluates(&self, script: &str) -> Value {
        let run = self.client.execute(script, Vec::new());
        wait::soon("a script", run).await.expect("a script that runs")
    }

    /// Waits until a script returns something that is true.
    pub async fn comes_to(&self, script: &str) -> Value {
        wait::until(script, async || {
            let value = self.evaluates(script).await;
            let nothing = [Value::Null, Value::Bool(false), json!(0), json!("")];
            (!nothing.contains(&value)).then_some(value)
        })
        .await
    }

    /// Waits for an element.
    pub async fn finds(&self, css: &str) -> Element {
        wait::until(css, async || self.client.find(Locator::Css(css)).await.ok()).await
    }

    /// The colour of the pixel in the middle of an element as it is on the screen now, as
    /// `[red, green, blue]`.
    ///
    /// # Panics
    /// When there is no picture of it.
    pub async fn colour_of(&self, css: &str) -> [u64; 3] {
        let element = self.finds(css).await;
        let png = wait::soon("a screenshot", element.screenshot()).await.expect("a screenshot");
        // The browser itself knows how to read its screenshots.
        let script = "const [data, done] = arguments;
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            createImageBitmap(new Blob([bytes], { type: 'image/png' })).then((bitmap) => {
                const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
                const context = canvas.getContext('2d');
                context.drawImage(bitmap, 0, 0);
                const [x, y] = [bitmap.width >> 1, bitmap.height >> 1];
                done(Array.from(context.getImageData(x, y, 1, 1).data));
            });";
        let args = vec![json!(BASE64_STANDARD.encode(png))];
        let pixel = wait::soon("a pixel", self.client.execute_async(script, args)).await;
        let pixel = pixel.expect("a pixel");
        [0, 1, 2].map(|channel: usize| pixel[channel].as_u64().expect("a channel"))
    }

    /// Waits until the middle of an element has a colour.
    pub async fn shows_colour(&self, css: &str, colour: [u64; 3]) {
        wait::until(&format!("{colour:?} in {css}"), async || {
            (self.colour_of(css).await == colour).then_some(())
        })
        .await;
    }

    /// Closes the window and ends the browser.
    ///
    /// # Panics
    /// When it does not close.
    pub async fn closes(self) {
        wait::soon("the end of the browser", self.client.close()).await.expect("a clean end");
        drop(self.driver);
    }
}

#[derive(Debug)]
struct Driver {
    process: Child,
    address: SocketAddr,
}

impl Driver {
    fn start() -> Self {
        let program = env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let mut process = Command::new(&program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{program:?} does not start ({error}); `cargo xtask test` installs it")
            });
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let port: Option<u16> = lines.find_map(|line| {
            let line = line.ok()?;
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let port = port.expect("ChromeDriver says where it listens");
        // The pipe stays open as long as the driver may write to it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Told to shut down, it ends its browsers; killed at once, it would leave them behind.
        let told = TcpStream::connect(self.address).and_then(|mut connection| {
            connection.set_read_timeout(Some(wait::PATIENCE))?;
            connection.write_all(b"GET /shutdown HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
            connection.read_to_end(&mut Vec::new())
        });
        drop((told, self.process.kill(), self.process.wait()));
    }
}

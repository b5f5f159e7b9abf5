//! Passwords, tokens and private keys.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use txetcd::{Database, DatabaseBuilder, Error};

use crate::own_server::{OwnServer, binaries, temporary_directory};
use crate::secret::{plant, secret};
use crate::{tables, told};

async fn fails(builder: DatabaseBuilder, parts: &[&str]) -> Error {
    told::listen();
    told::debug(&builder);
    let error = builder.connect_timeout(Duration::from_secs(2)).connect().await.map(drop).unwrap_err();
    told::error(&error, parts);
    error
}

#[tokio::test]
async fn passwords_without_a_server() {
    let password = || secret("a password in a URL");
    for url in [
        format!("http://ann:{}@127.0.0.1:1", password()),
        format!("ann:{}@127.0.0.1:1", password()),
        format!("http://127.0.0.1:1,http://ann:{},{}@127.0.0.1:2", password(), password()),
        format!("https://{}@127.0.0.1:1/path?query", password()),
        format!("http://ann:{}/#@127.0.0.1:1", password()),
        format!("etcd+srv://ann:{}@example.com", password()),
        format!("memory:ann:{}@x", password()),
        format!("http://ann:%zz{}@[::1", password()),
    ] {
        assert!(fails(Database::builder().url(&url), &[]).await.is_invalid_argument());
    }

    let ann = |url: &str| Database::builder().url(url).user("ann", secret("a password"));
    assert!(fails(ann("http://127.0.0.1:1"), &["plaintext_password"]).await.is_invalid_argument());
    assert!(fails(ann("memory:"), &["no users"]).await.is_invalid_argument());
    let refused = fails(ann("http://127.0.0.1:1").plaintext_password(true), &["127.0.0.1:1"]).await;
    assert!(refused.is_unavailable(), "{refused}");
    let encrypted = fails(ann("https://127.0.0.1:1"), &["127.0.0.1:1"]).await;
    assert!(encrypted.is_unavailable(), "{encrypted}");
    told::check_log(&["connecting to 127.0.0.1:1"]);
}

/// A key, and a certificate that it has signed itself.
struct Identity {
    key: KeyPair,
    certificate: String,
}

impl Identity {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { key, certificate }
    }

    /// The one whose key is a secret.
    fn secret() -> &'static Self {
        static SECRET: LazyLock<Identity> = LazyLock::new(|| {
            let identity = Identity::new();
            // The private number of a P-256 key in PKCS #8 is in the 32 bytes from here on.
            plant(&identity.key.serialize_der()[36..48]);
            let base64: String = identity.key.serialize_pem().lines().skip(1).take(2).collect();
            plant(&base64.as_bytes()[48..64]);
            identity
        });
        &SECRET
    }
}

fn write(directory: &Path, name: &str, content: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[tokio::test]
async fn damaged_private_keys() {
    let directory = temporary_directory();
    let identity = Identity::secret();
    let good = identity.key.serialize_pem();
    let certificate = write(directory.path(), "certificate", &identity.certificate);
    let key = |content: &str| {
        let path = write(directory.path(), "key", content);
        Database::builder().url("https://127.0.0.1:1").tls_identity(&certificate, path)
    };
    let line: String = good.lines().collect();
    let (head, tail) = good.split_at(good.len() / 2);
    for content in [
        line.replace("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY "),
        line,
        good.replace(" KEY-----\n", " KEY----- "),
        good.replace("-----END", "-----END OF"),
        head.to_owned(),
        format!("{head}!{tail}"),
        format!("{head}AAAA{tail}"),
        good.replacen("M", "A", 1),
        good.replace("PRIVATE KEY", "EC PRIVATE KEY"),
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", secret("no key")),
        secret("no PEM"),
    ] {
        assert!(fails(key(&content), &[]).await.is_invalid_argument(), "not a key");
    }
    assert!(fails(key(&good), &["127.0.0.1:1"]).await.is_unavailable(), "a key");
    assert!(fails(key(&Identity::new().key.serialize_pem()), &[]).await.is_invalid_argument(), "another key");
    told::check_log(&[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encrypted_connections() {
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let directory = temporary_directory();
        let identity = Identity::secret();
        let certificate = write(directory.path(), "certificate", &identity.certificate);
        let key = write(directory.path(), "key", &identity.key.serialize_pem());
        let flags = [
            format!("--cert-file={}", certificate.display()),
            format!("--key-file={}", key.display()),
            format!("--trusted-ca-file={}", certificate.display()),
            "--client-cert-auth".to_owned(),
        ];
        let server = OwnServer::start(&binary, &flags.each_ref().map(String::as_str));
        let url = || Database::builder().url(server.url()).tls_ca(&certificate);
        let trusted = url().tls_identity(&certificate, &key);
        let db = trusted.clone().connect().await.unwrap();
        tables::fill(&db).await;
        told::debug(&(&db, &trusted));
        assert!(fails(url(), &[&server.url()]).await.is_unavailable());
        let elsewhere = trusted.tls_domain("elsewhere").user("ann", secret("a password"));
        assert!(fails(elsewhere, &[&server.url()]).await.is_unavailable());
    }
    told::check_log(&["rustls::client"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_and_their_tokens() {
    use etcd_client::{Client, ConnectOptions, Permission, PermissionType};
    // What each of these tokens begins with: `{"alg":"HS256","typ":"JWT"}`.
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
    told::listen();
    plant(TOKEN.as_bytes());
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let directory = temporary_directory();
        let signing = write(directory.path(), "secret", &secret("what signs tokens"));
        let tokens = format!("jwt,priv-key={},sign-method=HS256,ttl=10m", signing.display());
        let server = OwnServer::start(&binary, &["--auth-token", &tokens]);
        let (url, password) = (server.url(), secret("a password"));
        let mut root = Client::connect([&url], None).await.unwrap();
        root.user_add("root", password.as_str(), None).await.unwrap();
        root.user_grant_role("root", "root").await.unwrap();
        root.role_add("app").await.unwrap();
        let rights = Permission::new(PermissionType::Readwrite, "app/").with_prefix();
        root.role_grant_permission("app", rights).await.unwrap();
        root.user_add("ann", password.as_str(), None).await.unwrap();
        root.user_grant_role("ann", "app").await.unwrap();
        let answer = root.auth_client().authenticate("ann".to_owned(), password.clone()).await;
        assert!(answer.is_err(), "it is not enabled");
        root.auth_enable().await.unwrap();
        let answer = root.auth_client().authenticate("ann".to_owned(), password.clone()).await.unwrap();
        assert!(answer.token().starts_with(TOKEN), "another kind of token");

        let user = |name: &str, password: &str| {
            Database::builder().url(&url).plaintext_password(true).user(name, password).namespace("app/")
        };
        let ann = user("ann", &password);
        assert!(told::debug(&ann).contains("ann"));
        let db = ann.clone().slow_transaction(Duration::ZERO).connect().await.unwrap();
        tables::fill(&db).await;
        told::debug(&(&db, db.client()));

        let wrong = fails(user("ann", &secret("a wrong password")), &[&url]).await;
        assert!(wrong.is_unauthenticated(), "{wrong}");
        let none = fails(Database::builder().url(&url), &["user(name, password)"]).await;
        assert!(none.is_unauthenticated(), "{none}");
        let elsewhere = ann.namespace("other/").connect().await.unwrap();
        let error = elsewhere.client().put("k", secret("a value")).await.unwrap_err();
        assert!(error.is_permission_denied(), "{error}");
        told::error(&error, &[&url]);

        // The token is worthless from now on, and is got anew, until the password is another one.
        let options = || ConnectOptions::new().with_user("root", password.as_str());
        let mut root = Client::connect([&url], Some(options())).await.unwrap();
        root.role_add("more").await.unwrap();
        db.client().put("k", secret("a value")).await.unwrap();
        let mut root = Client::connect([&url], Some(options())).await.unwrap();
        root.user_change_password("ann", secret("a new password")).await.unwrap();
        let error = db.client().put("k", secret("a value")).await.unwrap_err();
        assert!(error.is_unauthenticated(), "{error}");
        told::error(&error, &[&url]);

        let mut root = Client::connect([&url], Some(options())).await.unwrap();
        root.auth_disable().await.unwrap();
        let disabled = fails(user("ann", &password), &["not enabled"]).await;
        assert!(disabled.is_invalid_argument(), "{disabled}");
    }
    told::check_log(&["send frame=Headers"]);
}

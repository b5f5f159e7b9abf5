//! TLS and users, on servers that have them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::own_server::{OwnServer, binaries, temporary_directory};
use crate::store::{User, user};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use txetcd::{Database, DatabaseBuilder, Error, Op, Txn};

/// A certificate authority, and what it has signed, as PEM files.
struct Authority {
    directory: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let directory = temporary_directory();
        std::fs::write(directory.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { directory, issuer: Issuer::new(params, key) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Signs a certificate for a host; returns the files of certificate and key.
    fn sign(&self, name: &str, host: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let (certificate_file, key_file) =
            (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        std::fs::write(&certificate_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        (certificate_file, key_file)
    }
}

fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

async fn works(builder: DatabaseBuilder) {
    let db = builder.connect().await.unwrap();
    let users = User::table();
    db.write(async |txn| users.put(txn, &user("ann", 1))).await.unwrap();
    db.write(async |txn| {
        users.take(txn, "ann").await?;
        users.insert(txn, &user("bob", 2))
    })
    .await
    .unwrap();
    assert_eq!(db.read(async |txn| users.all(txn).collect().await).await.unwrap(), [user("bob", 2)]);
    assert_eq!(db.read(async |txn| users.count(txn).await).await.unwrap(), 1);
}

async fn fails(builder: DatabaseBuilder) -> Error {
    let error = builder.connect_timeout(Duration::from_secs(2)).connect().await.map(drop).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_and_client_certificates() {
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let (authority, stranger) = (Authority::new(), Authority::new());
        let (certificate, key) = authority.sign("server", "127.0.0.1");
        let (client_certificate, client_key) = authority.sign("client", "client");
        let server = OwnServer::start(
            &binary,
            &[
                &flag("cert-file", &certificate),
                &flag("key-file", &key),
                &flag("trusted-ca-file", &authority.path("ca.pem")),
                "--client-cert-auth",
            ],
        );
        let url = || Database::builder().url(server.url());
        let trusting = || url().tls_ca(authority.path("ca.pem"));
        works(trusting().tls_identity(&client_certificate, &client_key)).await;

        for unusable in [
            trusting(),
            url().tls_identity(&client_certificate, &client_key),
            url().tls_ca(stranger.path("ca.pem")).tls_identity(&client_certificate, &client_key),
            trusting().tls_identity(&client_certificate, &client_key).tls_domain("elsewhere"),
            Database::builder().url(server.url().replace("https", "http")),
        ] {
            let error = fails(unusable).await;
            assert!(error.is_unavailable(), "{error:?}");
            assert!(error.to_string().contains("127.0.0.1"), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_needs_rights_on_the_namespace_alone() {
    use etcd_client::{Permission, PermissionType};
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let server = OwnServer::start(&binary, &[]);
        let mut root = etcd_client::Client::connect([server.url()], None).await.unwrap();
        root.user_add("root", "hunter2", None).await.unwrap();
        root.user_grant_role("root", "root").await.unwrap();
        root.role_add("app").await.unwrap();
        let rights = Permission::new(PermissionType::Readwrite, "app/").with_prefix();
        root.role_grant_permission("app", rights).await.unwrap();
        root.user_add("ann", "hunter2", None).await.unwrap();
        root.user_grant_role("ann", "app").await.unwrap();
        root.auth_enable().await.unwrap();

        let url = || Database::builder().url(server.url()).plaintext_password(true);
        works(url().namespace("app/").user("ann", "hunter2")).await;
        works(url().user("root", "hunter2")).await;

        let connected = url().namespace("app/").user("ann", "hunter2").connect().await.unwrap();
        let session = connected.client().session(Duration::from_secs(10)).await.unwrap();

        // Locks, queues and so on need no other right.
        let client = connected.client();
        let lock = client.lock("jobs").acquire(&session).await.unwrap();
        let waiting = tokio::spawn({
            let (client, session) = (client.clone(), session.clone());
            async move { client.lock("jobs").acquire(&session).await }
        });
        client.txn(Txn::default().then([Op::put("a", "1")])).guard(&lock).await.unwrap();
        lock.release().await.unwrap();
        waiting.await.unwrap().unwrap().release().await.unwrap();
        client.queue("q").push("a").await.unwrap();
        client.queue("q").pop(&session).await.unwrap().ack().await.unwrap();
        client.semaphore("s", 1).acquire(&session).await.unwrap().release().await.unwrap();
        client.election("e").campaign(&session, "a").await.unwrap().resign().await.unwrap();
        client.double_barrier("d", 1).enter(&session).await.unwrap().leave().await.unwrap();
        assert_eq!(client.sequence("n").next().await.unwrap(), 1);
        drop((session, connected));

        let error = fails(url().user("ann", "wrong")).await;
        assert!(error.is_unauthenticated() && error.to_string().contains(&server.url()), "{error:?}");
        let error = fails(url()).await;
        assert!(
            error.is_unauthenticated() && error.to_string().contains("user(name, password)"),
            "{error:?}"
        );

        let elsewhere = url().namespace("other/").user("ann", "hunter2").connect().await.unwrap();
        let users = User::table();
        let error = elsewhere.read(async |txn| users.get(txn, "ann").await).await.unwrap_err();
        assert!(error.is_permission_denied(), "{error:?}");
        let error = elsewhere.write(async |txn| users.put(txn, &user("ann", 1))).await.unwrap_err();
        assert!(error.is_permission_denied(), "{error:?}");

        root = etcd_client::Client::connect(
            [server.url()],
            Some(etcd_client::ConnectOptions::new().with_user("root", "hunter2")),
        )
        .await
        .unwrap();
        root.auth_disable().await.unwrap();
        let error = fails(url().user("ann", "hunter2")).await;
        assert!(error.is_invalid_argument() && error.to_string().contains("not enabled"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_endpoint_is_passed_over_and_a_dying_one_is_left() {
    let (_, binary) = binaries().pop().unwrap();
    let server = OwnServer::start(&binary, &[]);
    let urls = format!("http://127.0.0.1:1,{},http://127.0.0.1:2", server.url());
    works(Database::builder().url(&urls)).await;
    let db = Database::builder().url(&urls).request_timeout(Duration::from_secs(1)).connect().await.unwrap();
    drop(server);
    let error = db.read(async |txn| User::table().get(txn, "ann").await).await.unwrap_err();
    assert!(error.is_unavailable() || error.is_timeout(), "{error:?}");
    let error = db.write(async |txn| User::table().put(txn, &user("ann", 1))).await.unwrap_err();
    assert!(error.is_unavailable() || error.is_timeout(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_has_become_old_is_got_anew() {
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let directory = temporary_directory();
        let secret = directory.path().join("secret");
        std::fs::write(&secret, "a secret that signs tokens").unwrap();
        // These tokens hold the revision of users and roles, and are worthless as soon as it changes.
        let token = format!("jwt,priv-key={},sign-method=HS256,ttl=10m", secret.display());
        let server = OwnServer::start(&binary, &["--auth-token", &token]);
        let mut root = etcd_client::Client::connect([server.url()], None).await.unwrap();
        root.user_add("root", "hunter2", None).await.unwrap();
        root.user_grant_role("root", "root").await.unwrap();
        root.auth_enable().await.unwrap();
        let builder = Database::builder().url(server.url()).plaintext_password(true).user("root", "hunter2");
        let db = builder.connect().await.unwrap();
        let options = etcd_client::ConnectOptions::new().with_user("root", "hunter2");
        let users = User::table();
        for role in ["one", "two", "three"] {
            let mut root = etcd_client::Client::connect([server.url()], Some(options.clone())).await.unwrap();
            root.role_add(role).await.unwrap();
            db.write(async |txn| users.put(txn, &user(role, 1))).await.unwrap();
            let mut root = etcd_client::Client::connect([server.url()], Some(options.clone())).await.unwrap();
            root.role_delete(role).await.unwrap();
            db.read(async |txn| users.get(txn, role).await).await.unwrap().expect("the row");
        }
    }
}

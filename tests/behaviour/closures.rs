//! Closures as programs write them: borrowing locals, in spawned tasks and in web handlers.

use crate::store::{User, user};
use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use txetcd::{Database, Error};

stores! {
    async fn a_closure_that_borrows_locals_runs_in_a_spawned_task(store) {
        let db = store.connect().await;
        let users = User::table();
        let names = vec!["ann".to_owned(), "bob".to_owned()];
        let task = tokio::spawn(async move {
            let suffix = String::from("!");
            let mut oldest = 0;
            for (age, name) in (1u32..).zip(&names) {
                db.write(async |txn| {
                    let (before, _) = tokio::try_join!(users.get(txn, name), users.get(txn, &suffix))?;
                    assert!(before.is_none());
                    users.put(txn, &user(&format!("{name}{suffix}"), age))
                })
                .await?;
                oldest = age;
            }
            let found = db.read(async |txn| users.prefix(txn, names[0].as_str()).collect().await).await?;
            Ok::<_, Error>((found, oldest))
        });
        assert_eq!(task.await.unwrap().unwrap(), (vec![user("ann!", 1)], 2));
    }

    async fn a_closure_that_borrows_locals_runs_in_a_web_handler(store) {
        async fn birthday(State(db): State<Database>, Path(name): Path<String>) -> Result<Json<u32>, String> {
            let users = User::table();
            let years = 1;
            let age = db
                .write(async |txn| {
                    let mut found = users.get(txn, &name).await?.unwrap_or_else(|| user(&name, 0));
                    found.age += years;
                    users.put(txn, &found)?;
                    Ok::<_, Error>(found.age)
                })
                .await
                .map_err(|error| error.to_string())?;
            Ok(Json(age))
        }
        let db = store.connect().await;
        let app = Router::new().route("/birthday/{name}", post(birthday)).with_state(db.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        for expected in ["1", "2", "3"] {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
            let request = "POST /birthday/ann HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            connection.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(expected), "{answer}");
        }
        server.abort();
        assert_eq!(db.read(async |txn| User::table().get(txn, "ann").await).await.unwrap(), Some(user("ann", 3)));
    }
}

/// What the types of the public face promise to other threads.
#[allow(dead_code)]
fn types_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Database>();
    check::<txetcd::ReadTxn>();
    check::<txetcd::WriteTxn>();
    check::<txetcd::Client>();
    check::<txetcd::Error>();
    check::<txetcd::Table<User>>();
    check::<txetcd::Scan<'static, String, User>>();
}

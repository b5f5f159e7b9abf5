//! scratch
use etcd_client::*;
use std::time::Instant;
use tonic::body::Body;
use tonic::codegen::http::Request;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use txetcd_embedded::Store;
#[tokio::main]
async fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let t = Instant::now();
    let store = Store::open(&dir).unwrap();
    println!("open {:?}", t.elapsed());
    let service = ServiceExt::<Request<Body>>::map_err(store.service(), Into::into);
    let mut client =
        Client::from_channel(Channel::Custom(BoxCloneSyncService::new(service)), None).await.unwrap();
    let n: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let t = Instant::now();
    let mut tasks = vec![];
    for w in 0..64 {
        let mut c = client.clone();
        tasks.push(tokio::spawn(async move {
            for i in 0..n / 64 {
                let key = format!("k{:07}", (w + i * 64) % 300000);
                c.put(key, vec![b'x'; 500], None).await.unwrap();
            }
        }));
    }
    for t in tasks {
        t.await.unwrap();
    }
    println!("{n} puts {:?}", t.elapsed());
    println!("size {}", client.status().await.unwrap().db_size());
    let t = Instant::now();
    let got = client.get("k", Some(GetOptions::new().with_prefix().with_count_only())).await.unwrap();
    println!("count {} {:?}", got.count(), t.elapsed());
    let t = Instant::now();
    let got = client.get("k", Some(GetOptions::new().with_prefix().with_limit(100))).await.unwrap();
    println!("page of 100 of {} {:?}", got.count(), t.elapsed());
    let rev = got.header().unwrap().revision();
    let t = Instant::now();
    let got = client
        .get("k", Some(GetOptions::new().with_prefix().with_limit(100).with_revision(rev - 5)))
        .await
        .unwrap();
    println!("past page {} {:?}", got.count(), t.elapsed());
    let t = Instant::now();
    let got = client.get("k0000001", Some(GetOptions::new().with_revision(rev - 5))).await.unwrap();
    println!("past get {} {:?}", got.count(), t.elapsed());
    let t = Instant::now();
    client.compact(rev, Some(CompactionOptions::new().with_physical())).await.unwrap();
    println!("compact {:?}", t.elapsed());
    println!("size {}", client.status().await.unwrap().db_size());
    drop(client);
    let t = Instant::now();
    drop(store);
    println!("close {:?}", t.elapsed());
    let t = Instant::now();
    let _s = Store::open(&dir).unwrap();
    println!("open {:?}", t.elapsed());
}

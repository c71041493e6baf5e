#![allow(clippy::unwrap_used)]
use std::sync::Mutex;

use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use tempfile::TempDir;

use super::*;

/// What was synced, relative to the root, and whether the object had its name by then.
type Syncs = Arc<Mutex<Vec<(String, bool)>>>;

fn recorded(root: &TempDir) -> (DurableLocalStore, Syncs) {
    let syncs = Syncs::default();
    let (seen, folder) = (syncs.clone(), fs::canonicalize(root.path()).unwrap());
    let fsync = move |path: &FilePath, _: &File| {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        seen.lock().unwrap().push((name, folder.join("a/b/object").exists()));
        Ok(())
    };
    (DurableLocalStore::open_with(root.path(), Arc::new(fsync)).unwrap(), syncs)
}

fn failing(root: &TempDir, what: &'static str) -> DurableLocalStore {
    let fsync = move |path: &FilePath, file: &File| {
        if path.ends_with(what) { Err(io::Error::other("the disk is gone")) } else { file.sync_all() }
    };
    DurableLocalStore::open_with(root.path(), Arc::new(fsync)).unwrap()
}

fn create() -> PutOptions {
    PutOptions { mode: PutMode::Create, ..PutOptions::default() }
}

fn object() -> Path {
    Path::from("a/b/object")
}

#[tokio::test]
async fn content_is_synced_before_the_name_and_the_folders_after() {
    let root = TempDir::new().unwrap();
    let (store, syncs) = recorded(&root);
    syncs.lock().unwrap().clear();
    store.put_opts(&object(), "x".into(), create()).await.unwrap();
    let expected = [("", false), ("a", false), ("a/b/object#1", false), ("a/b", true)];
    assert_eq!(*syncs.lock().unwrap(), expected.map(|(name, named)| (name.to_owned(), named)));
}

#[tokio::test]
async fn an_object_in_place_is_kept_and_its_name_synced() {
    let root = TempDir::new().unwrap();
    let (store, syncs) = recorded(&root);
    store.put_opts(&object(), "first".into(), create()).await.unwrap();
    syncs.lock().unwrap().clear();
    let error = store.put_opts(&object(), "second".into(), create()).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    assert_eq!(syncs.lock().unwrap().last(), Some(&("a/b".to_owned(), true)));
    assert_eq!(store.get(&object()).await.unwrap().bytes().await.unwrap(), "first");
}

#[tokio::test]
async fn overwriting_replaces_the_whole_object() {
    let root = TempDir::new().unwrap();
    let store = DurableLocalStore::open(root.path()).unwrap();
    store.put(&object(), "a longer first text".into()).await.unwrap();
    store.put(&object(), "second".into()).await.unwrap();
    assert_eq!(store.get(&object()).await.unwrap().bytes().await.unwrap(), "second");
    let files: Vec<_> =
        fs::read_dir(root.path().join("a/b")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["object"], "a staged file stayed");
}

#[tokio::test]
async fn content_that_cannot_be_synced_gets_no_name() {
    let root = TempDir::new().unwrap();
    let store = failing(&root, "object#1");
    let error = store.put_opts(&object(), "x".into(), create()).await.unwrap_err();
    assert!(error.to_string().contains("the disk is gone"), "{error}");
    assert_eq!(fs::read_dir(root.path().join("a/b")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_name_that_cannot_be_synced_is_not_reported_as_stored() {
    let root = TempDir::new().unwrap();
    let store = failing(&root, "b");
    assert!(store.put_opts(&object(), "x".into(), create()).await.is_err());
}

#[tokio::test]
async fn what_a_crash_left_staged_is_not_listed_and_in_nobodys_way() {
    let root = TempDir::new().unwrap();
    let store = DurableLocalStore::open(root.path()).unwrap();
    fs::create_dir_all(root.path().join("a/b")).unwrap();
    fs::write(root.path().join("a/b/object#1"), "torn").unwrap();
    store.put_opts(&object(), "whole".into(), create()).await.unwrap();
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!(listed.iter().map(|meta| meta.location.as_ref()).collect::<Vec<_>>(), ["a/b/object"]);
    assert_eq!(store.get(&object()).await.unwrap().bytes().await.unwrap(), "whole");
}

#[tokio::test]
async fn opening_syncs_every_folder() {
    let root = TempDir::new().unwrap();
    fs::create_dir_all(root.path().join("a/b")).unwrap();
    let (_, syncs) = recorded(&root);
    let names: Vec<_> = syncs.lock().unwrap().iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, ["a/b", "a", ""]);
}

/// Polls a put once, so that its thread begins, and gives it up.
async fn give_up(put: impl Future) {
    let mut put = std::pin::pin!(put);
    let begun = put.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(begun.is_pending(), "it was done before it could be given up");
}

#[tokio::test]
async fn what_is_read_after_a_put_was_given_up_is_what_it_leaves() {
    let root = TempDir::new().unwrap();
    let fsync = |path: &FilePath, file: &File| {
        if path.ends_with("object#1") {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        file.sync_all()
    };
    let store = DurableLocalStore::open_with(root.path(), Arc::new(fsync)).unwrap();
    give_up(store.put_opts(&object(), "first".into(), create())).await;
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!(listed.iter().map(|meta| meta.location.as_ref()).collect::<Vec<_>>(), ["a/b/object"]);
    give_up(store.put(&object(), "second".into())).await;
    assert_eq!(store.clone().get(&object()).await.unwrap().bytes().await.unwrap(), "second");
}

#[tokio::test]
async fn a_copy_outlives_its_original_and_its_name_is_synced() {
    let root = TempDir::new().unwrap();
    let (store, syncs) = recorded(&root);
    store.put(&object(), "x".into()).await.unwrap();
    syncs.lock().unwrap().clear();
    let copy = Path::from("c/copy");
    store.copy(&object(), &copy).await.unwrap();
    assert_eq!(syncs.lock().unwrap().last().unwrap().0, "c");
    assert!(matches!(store.copy_if_not_exists(&object(), &copy).await, Err(Error::AlreadyExists { .. })));
    store.copy(&object(), &copy).await.unwrap();
    store.put(&object(), "y".into()).await.unwrap();
    store.copy(&object(), &Path::from("c/other")).await.unwrap();
    store.delete(&object()).await.unwrap();
    assert_eq!(store.get(&copy).await.unwrap().bytes().await.unwrap(), "x");
    let names: Vec<_> = store.list(None).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(matches!(store.copy(&object(), &copy).await, Err(Error::NotFound { .. })));
}

fn files(root: &TempDir) -> Vec<std::ffi::OsString> {
    fs::read_dir(root.path().join("a/b")).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

#[tokio::test]
async fn an_upload_is_the_object_once_it_is_complete() {
    let root = TempDir::new().unwrap();
    let (store, syncs) = recorded(&root);
    let mut upload = store.put_multipart(&object()).await.unwrap();
    let parts: Vec<_> = ["one ", "two ", "three"].map(|part| upload.put_part(part.into())).into();
    // The last one first.
    for part in parts.into_iter().rev() {
        part.await.unwrap();
    }
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert!(listed.is_empty(), "{listed:?}");
    syncs.lock().unwrap().clear();
    upload.complete().await.unwrap();
    assert_eq!(*syncs.lock().unwrap(), [("a/b/object#1".to_owned(), false), ("a/b".to_owned(), true)]);
    assert_eq!(store.get(&object()).await.unwrap().bytes().await.unwrap(), "one two three");
    assert_eq!(files(&root), ["object"]);
    assert!(upload.complete().await.is_err(), "it is over");
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let root = TempDir::new().unwrap();
    let store = DurableLocalStore::open(root.path()).unwrap();
    let mut upload = store.put_multipart(&object()).await.unwrap();
    upload.put_part("some".into()).await.unwrap();
    upload.abort().await.unwrap();
    let mut upload = store.put_multipart(&object()).await.unwrap();
    upload.put_part("some".into()).await.unwrap();
    drop(upload);
    assert!(files(&root).is_empty(), "{:?}", files(&root));
}

#[tokio::test]
async fn an_upload_that_cannot_be_synced_gets_no_name() {
    let root = TempDir::new().unwrap();
    let store = failing(&root, "object#1");
    let mut upload = store.put_multipart(&object()).await.unwrap();
    upload.put_part("some".into()).await.unwrap();
    let error = upload.complete().await.unwrap_err();
    assert!(error.to_string().contains("the disk is gone"), "{error}");
    assert!(files(&root).is_empty(), "{:?}", files(&root));
}

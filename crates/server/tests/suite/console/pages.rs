//! Every page of the console's list: shown to whom it is for, and to nobody else.

use server::console::{PAGES, Page, Side};

use super::backups::followed;
use super::{Browser, House, SIGN_IN, operator};

/// The address of a page with what there is in the house.
fn address(page: &Page, memory: &str, run: &str) -> String {
    let segments = [
        ("{id}", memory.rsplit('/').next().unwrap()),
        ("{slug}", "default"),
        ("{name}", "disk_space"),
        ("{run}", run),
    ];
    let path =
        segments.into_iter().fold(page.path.to_owned(), |path, (name, value)| path.replace(name, value));
    // A restore is of some backup.
    if path.ends_with("/restore") { format!("{path}?latest_verified=true") } else { path }
}

#[tokio::test]
async fn every_page_of_the_list_is_shown_to_its_side_and_to_nobody_else() {
    let house = House::new().await;
    let memory = house.remember("kept").await;
    let (mut guest, mut member) = (Browser::new(&house), Browser::signed_in(&house, &house.key).await);
    let mut operator = operator(&house).await;
    operator.get("/console/service/backups").await.page(200);
    followed(&mut operator, "/console/service/backups/default", &[]).await;
    let test = followed(&mut operator, "/console/service/restore-tests", &[]).await;
    let (_, run) = test.split_once("data-live=\"/console/service/runs/").unwrap();
    let run = run.split('/').next().unwrap().to_owned();
    for page in PAGES {
        let address = address(page, &memory.to_string(), &run);
        assert!(!address.contains('{'), "{address}");
        let statuses = [
            guest.get(&address).await.status,
            member.get(&address).await.status,
            operator.get(&address).await.status,
        ];
        let want = match page.side {
            // Whoever is signed in already is led on.
            Side::Anybody => [200, 303, 303],
            // An operator's key is nobody's in a tenant; what such a page says then is its own.
            Side::Tenant => [303, 200, statuses[2]],
            Side::Person | Side::Operator => [303, 403, 200],
        };
        assert_eq!(statuses, want, "{address}");
        assert_eq!(page.side == Side::Anybody, page.path == SIGN_IN);
    }
}

fn get(c: char)->String{format!("{:?}",unicode_general_category::get_general_category(c))}
#[test]
fn sweep() {
    let m = embedding::StaticModel::shared();
    let f = std::fs::read_to_string("/tmp/sweep.jsonl").unwrap();
    let mut bad = 0; let mut cats = std::collections::BTreeMap::<String, u32>::new();
    for l in f.lines() {
        let (s, ids): (String, Vec<u32>) = serde_json::from_str(l).unwrap();
        if m.wordpiece().pieces(&s) != ids {
            bad += 1;
            let c = s.chars().nth(2).unwrap_or(' ');
            *cats.entry(format!("{:?} len{}", unicode_general_category::get_general_category(c), if s.chars().count()==5 {"1"} else {"rand"})).or_default() += 1;
            if get(c) != "Unassigned" && (get(c) != "NonspacingMark" || bad%40==0) && s.chars().count()==5 || (bad > 600 && bad < 620) { println!("{s:?} U+{:04x} want {ids:?} got {:?}", u32::from(c), m.wordpiece().pieces(&s)); }
        }
    }
    println!("bad {bad} {cats:?}");
}

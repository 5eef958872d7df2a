use rolewall_kernel::*; use rolewall_ruleset::*;
fn main() {
  let ns = NetNs::create().unwrap();
  ns.run(|| {
    let mut nft = Nft::open().unwrap();
    let k=|a:u8,b:u8| if a==b {Element::key(&[0,a])} else {Element::range(&[0,a],&[0,b])};
      let mut t = Table::new(Family::Inet, "t");
      let mut s = Set::new("s", &[DataType::InetService]); s.flags.interval=true; s.elements=vec![k(0,0),k(1,2),k(3,3),Element::range(&[0,4],&[255,255])];
      t.sets.push(s);
      nft.commit(&Transaction{generation:None, ops: vec![Op::AddTable(&t), Op::AddSet(&t.id,&t.sets[0]), Op::AddElements(&t.id,&t.sets[0],&t.sets[0].elements, transaction::IfThere::Keep)]}).unwrap();
      let set=&t.sets[0];
    for n in 1..20u8 { for a in 0..n { 
      let mut o = vec![]; for x in a..n { for y in x..n { let e = k(x,y); if !set.elements.contains(&e) { o.push(e) } } }
      let f = nft.find_elements(&t.id, set, &o).unwrap(); if !f.is_empty() { println!("n {n} a {a} {f:?} in {}", o.len());
       eprintln!("----"); let f = nft.find_elements(&t.id, set, &o).unwrap(); println!("{f:?}"); return }
    }}
  }).unwrap();
}

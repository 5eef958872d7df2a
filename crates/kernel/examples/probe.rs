use rolewall_kernel::*; use rolewall_ruleset::*;
fn main() {
  let ns = NetNs::create().unwrap();
  ns.run(|| {
    let mut nft = Nft::open().unwrap();
    let sets: Vec<(&str, Vec<Element>)> = vec![
      ("empty", vec![]),
      ("one", vec![Element::key(&[0,5])]),
      ("zero", vec![Element::key(&[0,0])]),
      ("zeroplus", vec![Element::key(&[0,0]), Element::key(&[0,5])]),
      ("open", vec![Element::key(&[255,255])]),
      ("all", vec![Element::range(&[0,0],&[255,255])]),
      ("two", vec![Element::key(&[0,5]),Element::key(&[0,9])]),
      ("adj", vec![Element::key(&[0,5]),Element::key(&[0,6])]),
      ("adj3", vec![Element::key(&[0,5]),Element::key(&[0,6]),Element::key(&[0,7])]),
      ("two_open", vec![Element::key(&[0,5]),Element::key(&[255,255])]),
      ("three_open", vec![Element::key(&[0,5]),Element::key(&[0,9]),Element::key(&[255,255])]),
      ("four_open", vec![Element::key(&[0,5]),Element::key(&[0,9]),Element::key(&[0,19]),Element::key(&[255,255])]),
      ("four", vec![Element::key(&[0,5]),Element::key(&[0,9]),Element::key(&[0,19]),Element::key(&[0,29])]),
      ("zero_open", vec![Element::key(&[0,0]),Element::key(&[255,255])]),
      ("zero_5_open", vec![Element::key(&[0,0]),Element::key(&[0,5]),Element::key(&[255,255])]),
    ];
    for (n, el) in sets {
      let mut t = Table::new(Family::Inet, n);
      let mut s = Set::new("s", &[DataType::InetService]); s.flags.interval=true; s.elements=el;
      t.sets.push(s);
      nft.commit(&Transaction{generation:None, ops: vec![Op::AddTable(&t), Op::AddSet(&t.id,&t.sets[0]), Op::AddElements(&t.id,&t.sets[0],&t.sets[0].elements, transaction::IfThere::Keep)]}).unwrap();
      println!("{n} want {} got {:?}", t.sets[0].elements.len(), nft.element_count(&t.id, "s").unwrap());
    }
  }).unwrap();
}

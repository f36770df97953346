// Whatever a store holds, the hub starts from it, works, and starts again from what it then wrote
// with the same in it. The input: a byte that chooses the rules, then the files, each a size u16
// and so many bytes; where the size is even they follow what a hub wrote.
#include <algorithm>

#include "tests/fuzz/fuzz.hpp"
#include "tests/model/hub_driver.hpp"

namespace hubproof::model {
namespace {

void run(View input) {
  Reader reader{input};
  const std::uint8_t choice = reader.u8();
  HubRules rules;
  if (choice & 1) rules.journal_copies = 2;
  if (choice & 2) rules.delivery_count_rule = DeliveryCountRule::every_return_2017;
  if (choice & 4) rules.checks_crc = false;
  rules.journal_segment = 256;

  test::HubDriver d{rules};
  d.device("d1");
  d.telemetry("d1", test::message("t1"));
  d.enqueue("d1", test::message("c1", Ack::full));
  const Bytes good = d.files.begin()->second;
  if ((choice & 8) == 0) d.files.clear();
  for (std::uint64_t file = 2; reader.left() > 0; ++file) {
    Bytes& bytes = d.files[FileId{file}];
    const std::size_t size = reader.u16() % 4096;
    if (size % 2 == 0) bytes = good;
    const View tail = reader.bytes(std::min(size, reader.left()));
    bytes.insert(bytes.end(), tail.begin(), tail.end());
  }
  d.start();
  hold(!d.halted);
  d.device("d1");
  d.telemetry("d1", test::message("t2"));
  d.enqueue("d1", test::message("c2", Ack::full));
  if (const auto delivery = d.deliver("d1")) d.settle("d1", delivery->token, Settle::complete);
  const auto before = d.sequences("d1");
  hold(!before.empty());
  d.pass(std::chrono::seconds{60});
  d.rules.checks_crc = true;
  d.start();
  hold(d.sequences("d1") == before);
}

}  // namespace
}  // namespace hubproof::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hubproof::model::run({data, size});
  return 0;
}

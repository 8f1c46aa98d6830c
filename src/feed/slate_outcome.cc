#include "feed/slate_outcome.h"

#include "base/byte_reader.h"
#include "base/byte_writer.h"

namespace gfr {
namespace {

// Written to disk: append-only (event/slate_codec.cc has the fields before).
constexpr std::uint64_t kLeftOutField = 26, kSolutionField = 27;

void WriteRising(const std::vector<std::uint32_t>& list, ByteWriter& w) {
  w.Varint(list.size());
  std::uint32_t last = 0;
  for (const std::uint32_t i : list) {
    w.Varint(i - last);
    last = i;
  }
}

std::vector<std::uint32_t> ReadRising(ByteReader& r, std::size_t items) {
  std::vector<std::uint32_t> list(r.Count(1));
  std::uint64_t at = 0;
  for (std::size_t k = 0; k < list.size(); ++k) {
    const std::uint64_t apart = r.Varint();
    r.bad = r.bad || apart >= items || at + apart >= items || (k > 0 && apart == 0);
    if (r.bad) return {};
    list[k] = static_cast<std::uint32_t>(at += apart);
  }
  return list;
}

void ReadLeftOut(ByteReader& r, std::size_t items, std::vector<LeftOutByRule>* list) {
  list->resize(r.Count(4));
  for (LeftOutByRule& one : *list) {
    one.rule = r.String();
    one.count = static_cast<std::uint32_t>(r.Varint());
    one.items = ReadRising(r, items);
    one.ids.resize(r.Count(1));
    for (std::string& id : one.ids) id = r.String();
    if (r.bad) return;
  }
}

void ReadSolution(ByteReader& r, std::size_t items, SlateOutcome* outcome) {
  outcome->value = r.Number<double>();
  outcome->bound = r.Number<double>();
  outcome->relaxed.resize(r.Count(9));
  for (Relaxation& one : outcome->relaxed) {
    one.name = r.String();
    one.by = r.Number<double>();
    if (r.bad) return;
  }
  outcome->parts.resize(r.Count(18));
  for (PolicyPart& part : outcome->parts) {
    part.name = r.String();
    part.items = ReadRising(r, items);
    part.times = r.Number<double>();
    part.plus = r.Number<double>();
    if (r.bad) return;
  }
}

}  // namespace

void WriteOutcome(const SlateOutcome& outcome, ServedSlate* slate) {
  std::string field;
  ByteWriter w{&field}, file{&slate->unknown};
  if (!outcome.left_out.empty()) {
    w.Varint(outcome.left_out.size());
    for (const LeftOutByRule& one : outcome.left_out) {
      w.String(one.rule);
      w.Varint(one.count);
      WriteRising(one.items, w);
      w.Varint(one.ids.size());
      for (const std::string& id : one.ids) w.String(id);
    }
    file.Varint(kLeftOutField);
    file.String(field);
  }
  if (!outcome.is_solved()) return;
  field.clear();
  w.Number(outcome.value);
  w.Number(outcome.bound);
  w.Varint(outcome.relaxed.size());
  for (const Relaxation& one : outcome.relaxed) {
    w.String(one.name);
    w.Number(one.by);
  }
  w.Varint(outcome.parts.size());
  for (const PolicyPart& part : outcome.parts) {
    w.String(part.name);
    WriteRising(part.items, w);
    w.Number(part.times);
    w.Number(part.plus);
  }
  file.Varint(kSolutionField);
  file.String(field);
}

Result<SlateOutcome> ReadOutcome(const ServedSlate& slate, std::size_t items) {
  SlateOutcome outcome;
  ByteReader file{slate.unknown};
  while (!file.left.empty() && !file.bad) {
    const std::uint64_t number = file.Varint();
    ByteReader r{file.String()};
    if (number == kLeftOutField) ReadLeftOut(r, items, &outcome.left_out);
    if (number == kSolutionField) ReadSolution(r, items, &outcome);
    const bool is_known = number == kLeftOutField || number == kSolutionField;
    if (r.bad || (is_known && !r.left.empty()))
      return Error{ErrorCode::kCorrupt, "field " + std::to_string(number) + " of a slate's record is not whole"};
  }
  if (file.bad) return Error{ErrorCode::kCorrupt, "a slate's record ends too early"};
  return outcome;
}

}  // namespace gfr

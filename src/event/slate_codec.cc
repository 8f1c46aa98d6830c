#include "event/slate_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>

#include "base/byte_reader.h"
#include "base/byte_writer.h"

namespace gfr {
namespace {

// Written to disk: append-only.
enum Field : std::uint64_t {
  kPositions = 1,
  kNow = 2,
  kEpoch = 3,
  kLists = 4,
  kIndexes = 5,
  kConfiguration = 6,
  kFeed = 7,
  kUnit = 8,
  kExperiments = 9,
  kModels = 10,
  kFeatureFingerprint = 11,
  kKept = 12,
  kColumns = 13,
  kScored = 14,
  kScores = 15,
  kValue = 16,
  kPropensity = 17,
  kDraws = 18,
  kPolicy = 19,
  kDuals = 20,
  kSwaps = 21,
  kCursor = 22,
  kFirstRequest = 23,
  kTookMs = 24,
  kInterleaving = 25,
};

// How a list of item indexes is written.
enum IndexList : std::uint8_t { kAll = 0, kShown = 1, kListed = 2 };

// How a list of floats is written. Its length is known.
enum FloatList : std::uint8_t {
  kPlanes = 0,    // The first byte of each float, then the second of each, ...: the last planes compress well.
  kConstant = 1,  // One float.
  kSmall = 2,     // Whole numbers from 0 to 254, and 255 for NaN: a byte each.
};

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::uint32_t Bits(float x) { return std::bit_cast<std::uint32_t>(x); }

bool IsSmall(float x) {
  if (Bits(x) == Bits(kNan)) return true;
  return x >= 0 && x < 255 && Bits(static_cast<float>(static_cast<std::uint8_t>(x))) == Bits(x);
}

void WriteFloats(const std::vector<float>& v, ByteWriter& w) {
  const auto same = [&](float x) { return Bits(x) == Bits(v[0]); };
  if (!v.empty() && std::ranges::all_of(v, same)) {
    w.Byte(kConstant);
    w.Number(v[0]);
  } else if (std::ranges::all_of(v, IsSmall)) {
    w.Byte(kSmall);
    for (const float x : v) w.Byte(std::isnan(x) ? 255 : static_cast<std::uint8_t>(x));
  } else {
    w.Byte(kPlanes);
    for (int shift = 0; shift < 32; shift += 8) {
      for (const float x : v) w.Byte(static_cast<std::uint8_t>(Bits(x) >> shift));
    }
  }
}

std::vector<std::uint32_t> Shown(const std::vector<EventItem>& items) {
  std::vector<std::uint32_t> shown;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].index >= 0) shown.push_back(static_cast<std::uint32_t>(i));
  }
  return shown;
}

// Ascending, each once, none beyond the items.
std::vector<std::uint32_t> Sound(std::vector<std::uint32_t> list, std::size_t items) {
  std::ranges::sort(list);
  list.erase(std::ranges::unique(list).begin(), list.end());
  std::erase_if(list, [&](std::uint32_t i) { return i >= items; });
  return list;
}

void WriteDeltas(const std::vector<std::uint32_t>& list, ByteWriter& w) {
  w.Varint(list.size());
  std::uint32_t last = 0;
  for (const std::uint32_t i : list) {
    w.Varint(i - last);
    last = i;
  }
}

void WriteIndexes(const std::vector<std::uint32_t>& list, const std::vector<EventItem>& items, ByteWriter& w) {
  if (list.size() == items.size()) return w.Byte(kAll);
  if (list == Shown(items)) return w.Byte(kShown);
  w.Byte(kListed);
  WriteDeltas(list, w);
}

// Those of `all`, one an item, at `indexes`; NaN where it is too short.
std::vector<float> At(const std::vector<float>& all, const std::vector<std::uint32_t>& indexes) {
  std::vector<float> v;
  for (const std::uint32_t i : indexes) v.push_back(i < all.size() ? all[i] : kNan);
  return v;
}

class SlateWriter {
 public:
  SlateWriter(const ServedSlate& slate, const std::vector<EventItem>& items, std::string* out)
      : s_(slate),
        items_(items),
        shown_(Shown(items)),
        kept_(Sound(slate.kept, items.size())),
        scored_(Sound(slate.scored, items.size())),
        file_{out} {}

  void Write() {
    Add(kPositions, [&] {
      w_.Varint(s_.positions.size());
      for (const LogPosition& p : s_.positions) {
        w_.Varint(p.partition);
        w_.Signed(p.offset);
      }
    });
    Add(kNow, [&] { w_.Signed(s_.now_ms); });
    Add(kEpoch, [&] { w_.Signed(s_.epoch_end_ms); });
    if (s_.lists_epoch_end_ms != ServedSlate::kNever) Add(kLists, [&] { w_.Signed(s_.lists_epoch_end_ms); });
    if (!s_.indexes.empty())
      Add(kIndexes, [&] {
        List(s_.indexes, [&](const ServedIndex& i) {
          w_.String(i.name);
          w_.String(i.version);
        });
      });
    if (s_.configuration != 0) Add(kConfiguration, [&] { w_.Number(s_.configuration); });
    AddText(kFeed, s_.feed);
    if (s_.unit_kind != UnitKind::kNone || !s_.unit.empty())
      Add(kUnit, [&] {
        w_.Byte(static_cast<std::uint8_t>(s_.unit_kind));
        w_.String(s_.unit);
      });
    if (!s_.experiments.empty())
      Add(kExperiments, [&] {
        List(s_.experiments, [&](const ServedExperiment& e) {
          w_.String(e.experiment);
          w_.String(e.variant);
          w_.Byte(e.overridden ? 1 : 0);
        });
      });
    if (!s_.models.empty())
      Add(kModels, [&] {
        List(s_.models, [&](const ServedModel& m) {
          w_.String(m.name);
          w_.Byte(static_cast<std::uint8_t>(m.role));
        });
      });
    if (s_.feature_fingerprint != 0) Add(kFeatureFingerprint, [&] { w_.Number(s_.feature_fingerprint); });
    WriteFeatures();
    WriteScores();
    WritePolicy();
    AddText(kCursor, s_.cursor);
    AddText(kFirstRequest, s_.first_request);
    if (!std::isnan(s_.took_ms)) Add(kTookMs, [&] { w_.Number(s_.took_ms); });
    if (!s_.interleaving.experiment.empty())
      Add(kInterleaving, [&] {
        w_.String(s_.interleaving.experiment);
        w_.Varint(s_.interleaving.credit.size());
        WriteFloats(s_.interleaving.credit, w_);
      });
    file_.out->append(s_.unknown);
  }

 private:
  // Writes what `write` puts into w_ as one field.
  void Add(Field number, const std::function<void()>& write) {
    field_.clear();
    write();
    file_.Varint(number);
    file_.String(field_);
  }
  void AddText(Field number, const std::string& text) {
    if (!text.empty()) Add(number, [&] { field_ = text; });
  }
  template <class T, class F>
  void List(const std::vector<T>& list, F&& each) {
    w_.Varint(list.size());
    for (const T& one : list) each(one);
  }

  // Fingerprints and checksums apart from the values: the former are the same in every record.
  void WriteFeatures() {
    if (s_.columns.empty()) return;
    Add(kKept, [&] { WriteIndexes(kept_, items_, w_); });
    Add(kColumns, [&] {
      w_.Varint(s_.columns.size());
      for (const ServedColumn& c : s_.columns) w_.Number(c.fingerprint);
      for (const ServedColumn& c : s_.columns) w_.Number(c.crc);
      for (const ServedColumn& c : s_.columns) {
        std::vector<float> values = c.values;
        values.resize(kept_.size(), kNan);
        WriteFloats(values, w_);
      }
    });
  }
  void WriteScores() {
    if (s_.scores.empty() && s_.value.empty()) return;
    Add(kScored, [&] { WriteIndexes(scored_, items_, w_); });
    if (!s_.scores.empty())
      Add(kScores, [&] {
        List(s_.scores, [&](const ServedScores& one) {
          w_.Varint(one.model);
          w_.String(one.objective);
          WriteFloats(At(one.values, scored_), w_);
          w_.Byte(one.at_shown.empty() ? 0 : 1);
          if (!one.at_shown.empty()) WriteFloats(At(one.at_shown, shown_), w_);
        });
      });
    if (!s_.value.empty()) Add(kValue, [&] { WriteFloats(At(s_.value, scored_), w_); });
  }
  // Of a list with one propensity an item, most are 1.
  void WritePropensity() {
    std::vector<std::uint32_t> drawn;
    for (std::size_t i = 0; i < std::min(items_.size(), s_.propensity.size()); ++i) {
      if (Bits(s_.propensity[i]) != Bits(1.0f)) drawn.push_back(static_cast<std::uint32_t>(i));
    }
    if (drawn.empty()) return;
    Add(kPropensity, [&] {
      WriteDeltas(drawn, w_);
      WriteFloats(At(s_.propensity, drawn), w_);
    });
  }
  void WritePolicy() {
    WritePropensity();
    if (!s_.draws.empty())
      Add(kDraws, [&] {
        List(s_.draws, [&](const ServedDraw& d) {
          const std::vector<std::uint32_t> pool = Sound(d.pool, items_.size());
          w_.Varint(static_cast<std::uint64_t>(std::max(d.position, 0)));
          WriteDeltas(pool, w_);
          w_.Byte(d.probability.empty() ? 0 : 1);
          if (d.probability.empty()) return;
          std::vector<float> probability = d.probability;
          probability.resize(pool.size(), kNan);
          WriteFloats(probability, w_);
        });
      });
    AddText(kPolicy, s_.policy);
    if (!s_.duals.empty())
      Add(kDuals, [&] {
        List(s_.duals, [&](const ServedDual& d) {
          w_.String(d.name);
          w_.Number(d.value);
        });
      });
    if (!s_.swaps.empty())
      Add(kSwaps,
          [&] { List(s_.swaps, [&](std::int32_t k) { w_.Varint(static_cast<std::uint64_t>(std::max(k, 0))); }); });
  }

  const ServedSlate& s_;
  const std::vector<EventItem>& items_;
  const std::vector<std::uint32_t> shown_, kept_, scored_;
  std::string field_;
  ByteWriter w_{&field_}, file_;
};

// Eight floats at a time, of whatever vectors there are.
void JoinPlanes(const std::uint8_t* planes, std::size_t size, float* out) {
  constexpr std::size_t kTogether = 8;
  using Bytes = std::uint8_t __attribute__((vector_size(kTogether)));
  using Words = std::uint32_t __attribute__((vector_size(4 * kTogether)));
  std::size_t i = 0;
  for (; i + kTogether <= size; i += kTogether) {
    Words bits = {};
    for (std::size_t plane = 0; plane < 4; ++plane) {
      Bytes bytes;
      std::memcpy(&bytes, planes + plane * size + i, sizeof bytes);
      bits |= __builtin_convertvector(bytes, Words) << static_cast<std::uint32_t>(8 * plane);
    }
    std::memcpy(out + i, &bits, sizeof bits);
  }
  for (; i < size; ++i) {
    std::uint32_t bits = 0;
    for (std::size_t plane = 0; plane < 4; ++plane) bits |= std::uint32_t{planes[plane * size + i]} << (8 * plane);
    out[i] = std::bit_cast<float>(bits);
  }
}

class SlateReader {
 public:
  explicit SlateReader(const std::vector<EventItem>& items) : n_(items.size()), shown_(Shown(items)) {}

  Result<ServedSlate> Read(std::string_view bytes) {
    ByteReader file{bytes};
    std::uint64_t last = 0;
    s_.propensity.assign(n_, 1.0f);
    while (!file.left.empty() && !file.bad) {
      const std::string_view before = file.left;
      const std::uint64_t number = file.Varint();
      r_ = ByteReader{file.String()};
      if (number <= last) return Error{ErrorCode::kCorrupt, "the fields of a slate's record are not in order"};
      last = number;
      if (!ReadField(number)) {
        s_.unknown.append(before.substr(0, before.size() - file.left.size()));
      } else if (newer_) {
        return Error{ErrorCode::kNeedsNewer,
                     "field " + std::to_string(number) + " of a slate's record has an encoding that needs a newer gfr"};
      } else if (r_.bad || !r_.left.empty()) {
        return Error{ErrorCode::kCorrupt, "field " + std::to_string(number) + " of a slate's record is not whole"};
      }
    }
    if (file.bad) return Error{ErrorCode::kCorrupt, "a slate's record ends too early"};
    if (s_.positions.empty()) return Error{ErrorCode::kCorrupt, "a slate's record has no position in the log"};
    return std::move(s_);
  }

 private:
  // False: this version does not know the field.
  bool ReadField(std::uint64_t number) {
    switch (number) {
      case kPositions:
        List(&s_.positions, 2, [&](LogPosition& p) {
          p.partition = Index(UINT32_MAX);
          p.offset = r_.Signed();
        });
        return true;
      case kNow:
        s_.now_ms = r_.Signed();
        return true;
      case kEpoch:
        s_.epoch_end_ms = r_.Signed();
        return true;
      case kLists:
        s_.lists_epoch_end_ms = r_.Signed();
        return true;
      case kIndexes:
        List(&s_.indexes, 2, [&](ServedIndex& i) {
          i.name = r_.String();
          i.version = r_.String();
        });
        return true;
      case kConfiguration:
        s_.configuration = r_.Number<std::uint64_t>();
        return true;
      case kFeed:
        s_.feed = r_.Take(r_.left.size());
        return true;
      case kUnit:
        s_.unit_kind = static_cast<UnitKind>(r_.Number<std::uint8_t>());
        s_.unit = r_.String();
        return true;
      case kExperiments:
        List(&s_.experiments, 3, [&](ServedExperiment& e) {
          e.experiment = r_.String();
          e.variant = r_.String();
          e.overridden = r_.Number<std::uint8_t>() != 0;
        });
        return true;
      case kModels:
        List(&s_.models, 2, [&](ServedModel& m) {
          m.name = r_.String();
          m.role = static_cast<ModelRole>(r_.Number<std::uint8_t>());
        });
        return true;
      case kFeatureFingerprint:
        s_.feature_fingerprint = r_.Number<std::uint64_t>();
        return true;
      default:
        return ReadListField(number);
    }
  }
  bool ReadListField(std::uint64_t number) {
    switch (number) {
      case kKept:
        s_.kept = Indexes();
        return true;
      case kColumns:
        ReadColumns();
        return true;
      case kScored:
        s_.scored = Indexes();
        return true;
      case kScores:
        List(&s_.scores, 4, [&](ServedScores& one) {
          one.model = Index(UINT32_MAX);
          one.objective = r_.String();
          one.values = Spread(s_.scored);
          if (r_.Number<std::uint8_t>() != 0) one.at_shown = Spread(shown_);
        });
        return true;
      case kValue:
        s_.value = Spread(s_.scored);
        return true;
      case kPropensity: {
        const std::vector<std::uint32_t> drawn = Deltas();
        const std::vector<float> values = Floats(drawn.size());
        for (std::size_t k = 0; k < values.size(); ++k) s_.propensity[drawn[k]] = values[k];
        return true;
      }
      case kDraws:
        List(&s_.draws, 3, [&](ServedDraw& d) {
          d.position = static_cast<std::int32_t>(Index(INT32_MAX));
          d.pool = Deltas();
          if (r_.Number<std::uint8_t>() != 0) d.probability = Floats(d.pool.size());
        });
        return true;
      case kPolicy:
        s_.policy = r_.Take(r_.left.size());
        return true;
      case kDuals:
        List(&s_.duals, 9, [&](ServedDual& d) {
          d.name = r_.String();
          d.value = r_.Number<double>();
        });
        return true;
      case kSwaps:
        List(&s_.swaps, 1, [&](std::int32_t& k) { k = static_cast<std::int32_t>(Index(INT32_MAX)); });
        return true;
      case kCursor:
        s_.cursor = r_.Take(r_.left.size());
        return true;
      case kFirstRequest:
        s_.first_request = r_.Take(r_.left.size());
        return true;
      case kTookMs:
        s_.took_ms = r_.Number<float>();
        return true;
      case kInterleaving: {
        s_.interleaving.experiment = r_.String();
        const std::uint32_t positions = Index(static_cast<std::uint32_t>(n_));
        s_.interleaving.credit = Floats(positions);
        return true;
      }
      default:
        return false;
    }
  }

  void ReadColumns() {
    s_.columns.resize(r_.Count(13));
    for (ServedColumn& c : s_.columns) c.fingerprint = r_.Number<std::uint64_t>();
    for (ServedColumn& c : s_.columns) c.crc = r_.Number<std::uint32_t>();
    for (ServedColumn& c : s_.columns) {
      c.values = Floats(s_.kept.size());
      if (r_.bad || newer_) return;
    }
  }

  template <class T, class F>
  void List(std::vector<T>* list, std::size_t bytes_each, F&& each) {
    list->resize(r_.Count(bytes_each));
    for (T& one : *list) {
      each(one);
      if (r_.bad || newer_) return;
    }
  }
  std::uint32_t Index(std::uint32_t most) {
    const std::uint64_t i = r_.Varint();
    r_.bad = r_.bad || i > most;
    return r_.bad ? 0 : static_cast<std::uint32_t>(i);
  }
  std::vector<std::uint32_t> Deltas() {
    std::vector<std::uint32_t> list(r_.Count(1));
    std::uint64_t at = 0;
    for (std::size_t k = 0; k < list.size(); ++k) {
      const std::uint64_t delta = r_.Varint();
      r_.bad = r_.bad || delta >= n_ || at + delta >= n_ || (k > 0 && delta == 0);
      if (r_.bad) return {};
      list[k] = static_cast<std::uint32_t>(at += delta);
    }
    return list;
  }
  std::vector<std::uint32_t> Indexes() {
    switch (r_.Number<std::uint8_t>()) {
      case kAll:
        return AllItems(n_);
      case kShown:
        return shown_;
      case kListed:
        return Deltas();
      default:
        newer_ = true;
        return {};
    }
  }
  // Counts what a slate takes in memory: a constant is a few bytes whatever its length.
  bool Takes(std::size_t values) {
    values_ += values;
    r_.bad = r_.bad || values_ > kMaxSlateValues;
    return !r_.bad;
  }
  std::vector<float> Floats(std::size_t size) {
    const auto encoding = r_.Number<std::uint8_t>();
    if (encoding > kSmall) newer_ = true;
    if (newer_ || !Takes(size)) return {};
    std::vector<float> v(size);
    if (encoding == kConstant) {
      v.assign(size, r_.Number<float>());
    } else if (encoding == kSmall) {
      const std::string_view bytes = r_.Take(size);
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto b = static_cast<std::uint8_t>(bytes[i]);
        v[i] = b == 255 ? kNan : static_cast<float>(b);
      }
    } else if (const std::string_view bytes = r_.Take(4 * size); !r_.bad) {
      JoinPlanes(reinterpret_cast<const std::uint8_t*>(bytes.data()), size, v.data());
    }
    return v;
  }
  // One an item, of which those at `indexes` are written.
  std::vector<float> Spread(const std::vector<std::uint32_t>& indexes) {
    const std::vector<float> values = Floats(indexes.size());
    if (r_.bad || newer_ || !Takes(n_)) return {};
    std::vector<float> all(n_, kNan);
    for (std::size_t k = 0; k < values.size(); ++k) all[indexes[k]] = values[k];
    return all;
  }

  const std::size_t n_;
  const std::vector<std::uint32_t> shown_;
  ByteReader r_;
  bool newer_ = false;
  std::size_t values_ = 0;
  ServedSlate s_;
};

}  // namespace

void EncodeSlate(const ServedSlate& slate, const std::vector<EventItem>& items, std::string* out) {
  SlateWriter(slate, items, out).Write();
}

Result<ServedSlate> DecodeSlate(std::string_view bytes, const std::vector<EventItem>& items) {
  return SlateReader(items).Read(bytes);
}

}  // namespace gfr

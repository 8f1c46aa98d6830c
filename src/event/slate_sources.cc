#include "event/slate_sources.h"

#include <algorithm>

#include "base/byte_reader.h"
#include "base/byte_writer.h"

namespace gfr {
namespace {

constexpr std::uint64_t kSources = 30;  // As slate_codec.cc numbers fields: append-only.

}  // namespace

// Names in runs: candidates lie source by source.
void SetSources(const std::vector<std::string>& sources, ServedSlate* slate) {
  if (std::ranges::all_of(sources, &std::string::empty)) return;
  std::string field;
  ByteWriter w{&field};
  for (std::size_t begin = 0, end = 0; begin < sources.size(); begin = end) {
    while (end < sources.size() && sources[end] == sources[begin]) ++end;
    w.Varint(end - begin);
    w.String(sources[begin]);
  }
  ByteWriter out{&slate->unknown};
  out.Varint(kSources);
  out.String(field);
}

std::vector<std::string> SourcesOf(const ServedSlate& slate, std::size_t items) {
  std::vector<std::string> sources;
  for (ByteReader fields{slate.unknown}; !fields.bad && !fields.left.empty();) {
    const std::uint64_t number = fields.Varint();
    ByteReader r{fields.String()};
    if (number != kSources || fields.bad) continue;
    while (!r.bad && !r.left.empty() && sources.size() < items) {
      const std::uint64_t run = r.Varint();
      const std::string name(r.String());
      for (std::uint64_t k = 0; k < run && sources.size() < items && !r.bad; ++k) sources.push_back(name);
    }
    if (r.bad) sources.clear();
    break;
  }
  sources.resize(items);
  return sources;
}

}  // namespace gfr

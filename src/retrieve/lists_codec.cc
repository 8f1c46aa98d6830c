#include "retrieve/lists_codec.h"

#include <zstd.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "retrieve/list_maker.h"
#include "retrieve/sources.h"

namespace gfr {
namespace {

constexpr char kListsMagic[] = "GFRLIST1";
constexpr std::size_t kListsHeadBytes = 20;  // Magic, bytes of the body, checksum of what is stored.
constexpr std::size_t kMaxBodyBytes = 512u << 20;
constexpr int kListsLevel = 1;  // Made once an epoch; keys are random, and little more is to be had.

// What the names of category lists depend on.
std::uint64_t SchemaHash(const PropertySchema& schema) {
  std::string text;
  for (std::size_t p = 0; p < schema.item_names.size(); ++p)
    text += schema.item_names[p] + (schema.item_categorical[p] ? ":c;" : ":n;");
  return Hash64(text.data(), text.size());
}

ListedItems ItemsOf(const CandidateLists& lists, const SharedState& shared) {
  ListedItems items;
  for (const auto& source : lists.by_source()) {
    if (source) source->AppendAll(shared, &items.keys);
  }
  std::ranges::sort(items.keys);
  items.keys.erase(std::unique(items.keys.begin(), items.keys.end()), items.keys.end());
  for (const Key key : items.keys) {
    items.text += shared.ItemId(key);
    items.ends.push_back(static_cast<std::uint32_t>(items.text.size()));
  }
  return items;
}

Result<std::string> Unpack(std::string_view bytes) {
  const Error corrupt{ErrorCode::kCorrupt, "the lists' bytes are not what was written"};
  ByteReader head{bytes};
  if (bytes.size() < kListsHeadBytes || head.Take(8) != std::string_view(kListsMagic, 8)) return corrupt;
  const auto size = head.Number<std::uint64_t>();
  const auto crc = head.Number<std::uint32_t>();
  const std::string_view stored = head.left;
  if (size > kMaxBodyBytes || crc != Crc32c(stored.data(), stored.size()) ||
      ZSTD_getFrameContentSize(stored.data(), stored.size()) != size)
    return corrupt;
  std::string body(size, '\0');
  if (ZSTD_decompress(body.data(), body.size(), stored.data(), stored.size()) != size) return corrupt;
  return body;
}

}  // namespace

std::size_t ListedItems::PlaceOf(Key item) const {
  const auto at = std::ranges::lower_bound(keys, item);
  return at == keys.end() || *at != item ? keys.size() : static_cast<std::size_t>(at - keys.begin());
}

std::uint32_t ListsReader::Place() {
  const std::uint64_t place = in.Varint();
  if (place < items.keys.size()) return static_cast<std::uint32_t>(place);
  in.bad = true;
  return 0;
}

std::string EncodeListsBody(const CandidateLists& lists, const SharedState& shared, const PropertySchema& schema) {
  const ListedItems items = ItemsOf(lists, shared);
  std::string body, of_source;
  ByteWriter out{&body};
  out.Number(SchemaHash(schema));
  out.Number(lists.epoch_end_ms());
  out.Varint(items.keys.size());
  for (std::size_t i = 0; i < items.keys.size(); ++i) out.String(items.Id(i));
  for (std::size_t s = 0; s < AllSources().size(); ++s) {
    const SourceLists* of = lists.by_source()[s].get();
    if (of == nullptr) continue;
    of_source.clear();
    ListsWriter writer{.shared = shared, .items = items, .out = {&of_source}};
    of->Encode(&writer);
    out.String(AllSources()[s].name);
    out.String(of_source);
  }
  return body;
}

Result<std::string> EncodeLists(const CandidateLists& lists, const SharedState& shared, const PropertySchema& schema) {
  const std::string body = EncodeListsBody(lists, shared, schema);
  std::string stored(ZSTD_compressBound(body.size()), '\0');
  const std::size_t size = ZSTD_compress(stored.data(), stored.size(), body.data(), body.size(), kListsLevel);
  if (ZSTD_isError(size) || size + kListsHeadBytes > kMaxListsBytes || body.size() > kMaxBodyBytes)
    return Error{ErrorCode::kResourceExhausted, "the lists of candidates take more than the " +
                                                    std::to_string(kMaxListsBytes >> 20) +
                                                    " MiB that are published; servers without a log have none"};
  stored.resize(size);
  std::string bytes(kListsMagic, 8);
  ByteWriter out{&bytes};
  out.Number(std::uint64_t{body.size()});
  out.Number(Crc32c(stored.data(), stored.size()));
  return bytes + stored;
}

Result<std::shared_ptr<const CandidateLists>> DecodeLists(std::string_view bytes, const PropertySchema& schema) {
  GFR_ASSIGN(const std::string body, Unpack(bytes));
  return DecodeListsBody(body, schema);
}

Result<std::shared_ptr<const CandidateLists>> DecodeListsBody(std::string_view body, const PropertySchema& schema) {
  auto items = std::make_shared<ListedItems>();
  ByteReader in{body};
  if (in.Number<std::uint64_t>() != SchemaHash(schema) && !in.bad)
    return Error{ErrorCode::kInvalidArgument, "the lists belong to a catalogue with other properties"};
  const auto epoch_end_ms = in.Number<std::int64_t>();
  const std::size_t count = in.Count(1);
  for (std::size_t i = 0; i < count && !in.bad; ++i) {
    const std::string_view id = in.String();
    items->text += id;
    items->ends.push_back(static_cast<std::uint32_t>(items->text.size()));
    items->keys.push_back(KeyOf(id));
    in.bad = in.bad || (i > 0 && items->keys[i] <= items->keys[i - 1]);
  }
  std::vector<std::shared_ptr<const SourceLists>> by_source(AllSources().size());
  while (!in.bad && !in.left.empty()) {
    const std::string_view name = in.String();
    ListsReader reader{.items = *items, .in = {in.String()}};
    // Before channels had several sources, that of exploit was written by the channel's name.
    const auto source = std::ranges::find(AllSources(), name == "exploit" ? "affinity" : name, &SourceEntry::name);
    if (source == AllSources().end()) continue;  // Of a later version.
    by_source[static_cast<std::size_t>(source - AllSources().begin())] = source->make()->Decode(&reader);
    in.bad = in.bad || reader.in.bad || !reader.in.left.empty();
  }
  if (in.bad) return Error{ErrorCode::kCorrupt, "the lists' bytes are not what was written"};
  return std::make_shared<const CandidateLists>(epoch_end_ms, std::move(by_source), std::move(items));
}

}  // namespace gfr

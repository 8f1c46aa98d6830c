#include "serve/page_cursor.h"

#include <cstring>
#include <utility>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "base/hash.h"

namespace gfr {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr char kDigits[] = "0123456789abcdef";

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string EncodeCursor(const FeedPage& page) {
  std::string body, bytes;
  ByteWriter w{&body}, file{&bytes};
  w.String(page.first_request);
  w.Varint(page.shown.size());
  for (const Key key : page.shown) w.Number(key);
  file.Byte(kFormat);
  file.Number(Crc32c(body.data(), body.size()));
  bytes += body;
  std::string text;
  for (const char byte : bytes) {
    text += kDigits[static_cast<std::uint8_t>(byte) >> 4];
    text += kDigits[static_cast<std::uint8_t>(byte) & 15];
  }
  return text;
}

Result<std::shared_ptr<const FeedPage>> DecodeCursor(std::string_view cursor) {
  const Error refused{ErrorCode::kInvalidArgument,
                      "cursor is none that a feed gave; valid is the one of the page before"};
  std::string bytes;
  for (std::size_t i = 0; i + 1 < cursor.size(); i += 2) {
    const int high = DigitOf(cursor[i]), low = DigitOf(cursor[i + 1]);
    if (high < 0 || low < 0) return refused;
    bytes += static_cast<char>(high * 16 + low);
  }
  ByteReader r{bytes};
  const auto format = r.Number<std::uint8_t>();
  const auto crc = r.Number<std::uint32_t>();
  if (r.bad || cursor.size() % 2 != 0 || format != kFormat || crc != Crc32c(r.left.data(), r.left.size()))
    return refused;
  auto page = std::make_shared<FeedPage>();
  page->first_request = r.String();
  page->shown.resize(r.Count(sizeof(Key)));
  for (Key& key : page->shown) key = r.Number<Key>();
  if (r.bad || !r.left.empty() || page->shown.size() > kMostPagedItems) return refused;
  return std::shared_ptr<const FeedPage>(std::move(page));
}

std::string NextCursor(const FeedRequest& request, const Feed& feed, std::size_t size) {
  FeedPage next{.first_request = request.request_id, .shown = {}};
  if (request.page) next = *request.page;
  for (const FeedItem& item : feed.items) next.shown.push_back(KeyOf(item.item_id));
  if (feed.items.size() < size || next.shown.size() > kMostPagedItems) return "";
  return EncodeCursor(next);
}

}  // namespace gfr

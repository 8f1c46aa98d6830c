#include "base/text_encoding.h"

#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace gfr {

struct TextEncoding::State {
  iconv_t converter = reinterpret_cast<iconv_t>(-1);
  std::string waiting;  // The beginning of a character.
  ~State() {
    if (converter != reinterpret_cast<iconv_t>(-1)) iconv_close(converter);
  }
};

TextEncoding::TextEncoding(std::unique_ptr<State> state) : state_(std::move(state)) {}
TextEncoding::~TextEncoding() = default;

Result<std::unique_ptr<TextEncoding>> TextEncoding::Open(const std::string& name) {
  auto state = std::make_unique<State>();
  // "//IGNORE" and the like after the name are iconv's own options, and no part of a name.
  if (!name.empty() && name.find('/') == std::string::npos) state->converter = iconv_open("UTF-8", name.c_str());
  if (state->converter == reinterpret_cast<iconv_t>(-1))
    return Error{ErrorCode::kInvalidArgument, "'" + name.substr(0, 60) +
                                                  "' is not an encoding; valid are utf-8, utf-16, iso-8859-1 (latin1), "
                                                  "iso-8859-2, windows-1250, windows-1252 and what else iconv knows"};
  return std::unique_ptr<TextEncoding>(new TextEncoding(std::move(state)));
}

void TextEncoding::Append(std::string_view bytes, bool last, std::string* out) {
  std::string& in = state_->waiting;
  in.append(bytes);
  char* from = in.data();
  std::size_t left = in.size();
  char buffer[1 << 14];
  while (left > 0) {
    char* to = buffer;
    std::size_t room = sizeof buffer;
    const std::size_t done = iconv(state_->converter, &from, &left, &to, &room);
    out->append(buffer, sizeof buffer - room);
    if (done != static_cast<std::size_t>(-1) || errno == E2BIG) continue;
    if (errno == EINVAL && !last) break;  // It goes on in the next chunk.
    out->push_back('\xff');
    ++from;
    --left;
  }
  in.erase(0, in.size() - left);
}

bool IsUtf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned c = byte(i);
    if (c < 0x80) {
      ++i;
      continue;
    }
    const std::size_t more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    if (c < 0xC2 || c > 0xF4 || i + more >= text.size()) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((byte(i + k) & 0xC0u) != 0x80u) return false;
    }
    const unsigned second = byte(i + 1);
    if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) || (c == 0xF0 && second < 0x90) ||
        (c == 0xF4 && second > 0x8F))
      return false;
    i += more + 1;
  }
  return true;
}

}  // namespace gfr

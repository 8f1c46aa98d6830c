#include "base/text_reader.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/text_encoding.h"

namespace gfr {
namespace {

constexpr std::size_t kMaxLine = 64u << 20, kChunk = 1u << 18;

// Turns compressed chunks into text; Feed with an empty chunk ends the stream.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual bool Feed(std::string_view in, bool last, std::string* out) = 0;
};

class PlainDecoder final : public Decoder {
 public:
  bool Feed(std::string_view in, bool, std::string* out) override {
    out->append(in);
    return true;
  }
};

class XzDecoder final : public Decoder {
 public:
  XzDecoder() { ok_ = lzma_stream_decoder(&stream_, 1u << 30, LZMA_CONCATENATED) == LZMA_OK; }
  ~XzDecoder() override { lzma_end(&stream_); }
  bool Feed(std::string_view in, bool last, std::string* out) override {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    stream_.avail_in = in.size();
    while (ok_ && !done_) {
      char buffer[1 << 16];
      stream_.next_out = reinterpret_cast<std::uint8_t*>(buffer);
      stream_.avail_out = sizeof buffer;
      const lzma_ret code = lzma_code(&stream_, last ? LZMA_FINISH : LZMA_RUN);
      out->append(buffer, sizeof buffer - stream_.avail_out);
      done_ = code == LZMA_STREAM_END;
      ok_ = done_ || code == LZMA_OK || (code == LZMA_BUF_ERROR && !last);
      if (!last && stream_.avail_in == 0 && stream_.avail_out != 0) break;
    }
    return ok_;
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ok_ = false, done_ = false;
};

class GzDecoder final : public Decoder {
 public:
  GzDecoder() { ok_ = inflateInit2(&stream_, 15 + 32) == Z_OK; }
  ~GzDecoder() override { inflateEnd(&stream_); }
  bool Feed(std::string_view in, bool last, std::string* out) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    while (ok_ && stream_.avail_in > 0) {
      char buffer[1 << 16];
      stream_.next_out = reinterpret_cast<Bytef*>(buffer);
      stream_.avail_out = sizeof buffer;
      const int code = inflate(&stream_, Z_NO_FLUSH);
      out->append(buffer, sizeof buffer - stream_.avail_out);
      ended_ = code == Z_STREAM_END;
      ok_ = ended_ ? inflateReset(&stream_) == Z_OK : code == Z_OK;
    }
    return ok_ && (!last || ended_);
  }

 private:
  z_stream stream_ = {};
  bool ok_ = false, ended_ = false;
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : stream_(ZSTD_createDStream()) {}
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }
  bool Feed(std::string_view in, bool last, std::string* out) override {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    while (input.pos < input.size) {
      char buffer[1 << 16];
      ZSTD_outBuffer output{buffer, sizeof buffer, 0};
      left_ = ZSTD_decompressStream(stream_, &output, &input);
      if (ZSTD_isError(left_)) return false;
      out->append(buffer, output.pos);
    }
    return !last || left_ == 0;
  }

 private:
  ZSTD_DStream* stream_;
  std::size_t left_ = 1;
};

}  // namespace

struct TextReader::State {
  std::string path;
  std::FILE* file = nullptr;
  std::unique_ptr<Decoder> decoder;
  std::unique_ptr<TextEncoding> encoding;  // None: the bytes are UTF-8.
  std::string text;
  std::size_t used = 0;
  bool ended = false, begun = false;
  char line_end = '\n';
  ~State() {
    if (file) std::fclose(file);
  }

  // Reads a chunk behind `text`.
  Status ReadChunk() {
    char chunk[kChunk];
    const std::size_t n = std::fread(chunk, 1, sizeof chunk, file);
    if (std::ferror(file))  // Not an end: what is behind it would be lost.
      return Error{ErrorCode::kUnavailable, "cannot read '" + path + "': " + std::strerror(errno)};
    ended = n < sizeof chunk;
    std::string bytes;
    if (!decoder->Feed({chunk, n}, ended, &bytes))
      return Error{ErrorCode::kCorrupt, "'" + path + "' is not whole, or not compressed as its name says"};
    if (!begun && (!bytes.empty() || ended)) Begin(&bytes);
    if (encoding)
      encoding->Append(bytes, ended, &text);
    else
      text += bytes;
    return {};
  }
  // Looks at the first bytes for a byte order mark and for what ends a line.
  void Begin(std::string* bytes) {
    begun = true;
    if (!encoding && (bytes->starts_with("\xff\xfe") || bytes->starts_with("\xfe\xff"))) {
      if (auto utf16 = TextEncoding::Open("UTF-16"); utf16.ok()) encoding = std::move(utf16.value());
    }
    if (bytes->starts_with("\xef\xbb\xbf")) bytes->erase(0, 3);
    const std::string_view head = std::string_view(*bytes).substr(0, 1u << 16);
    if (head.find('\n') == std::string_view::npos && head.find('\r') != std::string_view::npos) line_end = '\r';
  }
};

TextReader::TextReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TextReader::~TextReader() = default;

Result<std::unique_ptr<TextReader>> TextReader::Open(const std::string& path, const std::string& encoding) {
  auto state = std::make_unique<State>();
  if (!encoding.empty()) {
    GFR_ASSIGN(state->encoding, TextEncoding::Open(encoding));
  }
  state->path = path;
  state->file = std::fopen(path.c_str(), "rb");
  if (!state->file) return Error{ErrorCode::kNotFound, "cannot open '" + path + "'"};
  if (path.ends_with(".xz"))
    state->decoder = std::make_unique<XzDecoder>();
  else if (path.ends_with(".gz"))
    state->decoder = std::make_unique<GzDecoder>();
  else if (path.ends_with(".zst"))
    state->decoder = std::make_unique<ZstdDecoder>();
  else
    state->decoder = std::make_unique<PlainDecoder>();
  return std::unique_ptr<TextReader>(new TextReader(std::move(state)));
}

Result<bool> TextReader::NextLine(std::string* line) {
  State& s = *state_;
  for (std::size_t searched = s.used;;) {
    const std::size_t end = s.text.find(s.line_end, searched);
    if (end != std::string::npos || (s.ended && s.used < s.text.size())) {
      line->assign(s.text, s.used, (end == std::string::npos ? s.text.size() : end) - s.used);
      if (s.line_end == '\n' && !line->empty() && line->back() == '\r') line->pop_back();
      s.used = end == std::string::npos ? s.text.size() : end + 1;
      return true;
    }
    if (s.ended) return false;
    s.text.erase(0, s.used);
    s.used = 0;
    searched = s.text.size();
    if (s.text.size() > kMaxLine)
      return Error{ErrorCode::kInvalidArgument, "a line of '" + s.path + "' is longer than 64 MiB"};
    GFR_TRY(s.ReadChunk());
  }
}

}  // namespace gfr

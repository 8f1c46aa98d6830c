#include "serve/protocol/sigv4.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/hash.h"
#include "base/hmac.h"
#include "base/time.h"
#include "serve/access.h"
#include "serve/url_query.h"

namespace gfr {
namespace {

constexpr std::string_view kSigV4 = "AWS4-HMAC-SHA256";
constexpr std::int64_t kMostSkewMs = 15 * kMinuteMs;

std::string UriEncode(std::string_view text, bool keeps_slash) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '_' || c == '.' || c == '~' || (c == '/' && keeps_slash)) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const QueryPair& pair : ParseQuery(query))
    pairs.emplace_back(UriEncode(pair.name, false), UriEncode(pair.value, false));
  std::ranges::sort(pairs);
  std::string out;
  for (const auto& [name, value] : pairs) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

// Trimmed, with single spaces.
std::string CanonicalValue(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::vector<std::string> SplitAt(std::string_view text, char by) {
  std::vector<std::string> parts;
  for (bool more = true; more;) {
    const std::size_t end = text.find(by);
    more = end != std::string_view::npos;
    parts.emplace_back(text.substr(0, end));
    if (more) text.remove_prefix(end + 1);
  }
  return parts;
}

// Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=HEX
std::optional<SigV4Scope> ParseSigV4(std::string_view authorization) {
  authorization.remove_prefix(std::min(kSigV4.size(), authorization.size()));
  SigV4Scope scope;
  for (const std::string& part : SplitAt(authorization, ',')) {
    const std::string_view field = std::string_view(part).substr(std::min(part.find_first_not_of(' '), part.size()));
    const std::size_t equals = std::min(field.find('='), field.size());
    const std::string value(field.substr(std::min(equals + 1, field.size())));
    if (field.starts_with("Credential=")) {
      const auto parts = SplitAt(value, '/');
      if (parts.size() != 5 || parts[4] != "aws4_request") return std::nullopt;
      scope.access_key = parts[0];
      scope.date = parts[1];
      scope.region = parts[2];
      scope.service = parts[3];
    } else if (field.starts_with("SignedHeaders=")) {
      scope.signed_headers = value;
    } else if (field.starts_with("Signature=")) {
      scope.signature = value;
    }
  }
  if (scope.access_key.empty() || scope.signed_headers.empty() || scope.signature.empty()) return std::nullopt;
  return scope;
}

// "20260101T120000Z"; 0: it is not one.
std::int64_t ParseAmzDate(const std::string& text) {
  if (text.size() != 16) return 0;
  const auto time = ParseTime(text.substr(0, 4) + "-" + text.substr(4, 2) + "-" + text.substr(6, 2) + "T" +
                              text.substr(9, 2) + ":" + text.substr(11, 2) + ":" + text.substr(13, 2) + "Z");
  return time.ok() ? time.value() : 0;
}

}  // namespace

bool IsSigV4(const HttpRequest& request) { return request.Header("authorization").starts_with(kSigV4); }

std::string SignSigV4(const HttpRequest& request, const SigV4Scope& scope, const std::string& secret_key) {
  std::string headers;
  for (const std::string& name : SplitAt(scope.signed_headers, ';'))
    headers += name + ":" + CanonicalValue(request.Header(name)) + "\n";
  const std::string canonical = request.method + "\n" + UriEncode(request.path, true) + "\n" +
                                CanonicalQuery(request.query) + "\n" + headers + "\n" + scope.signed_headers + "\n" +
                                Sha256Hex(request.body);
  const std::string where = scope.date + "/" + scope.region + "/" + scope.service + "/aws4_request";
  const std::string to_sign = std::string(kSigV4) + "\n" + std::string(request.Header("x-amz-date")) + "\n" + where +
                              "\n" + Sha256Hex(canonical);
  std::string key = HmacSha256("AWS4" + secret_key, scope.date);
  for (const std::string* part : {&scope.region, &scope.service}) key = HmacSha256(key, *part);
  return HmacSha256Hex(HmacSha256(key, "aws4_request"), to_sign);
}

std::optional<std::string> CheckSigV4(const HttpRequest& request, const SigV4Key& key, std::int64_t now_ms) {
  if (key.access_key.empty() || key.secret_key.empty()) return "the server has no key: [serve.sigv4]";
  const auto scope = ParseSigV4(request.Header("authorization"));
  if (!scope) return "the Authorization header is not that of a signature of version 4";
  if (scope->access_key != key.access_key) return "the access key is not the server's";
  const auto names = SplitAt(scope->signed_headers, ';');
  for (const char* needed : {"host", "x-amz-date"}) {
    if (std::ranges::find(names, needed) == names.end()) return std::string(needed) + " is not signed";
  }
  const std::string date(request.Header("x-amz-date"));
  const std::int64_t at_ms = ParseAmzDate(date);
  if (at_ms == 0 || !date.starts_with(scope->date)) return "x-amz-date is no time, or not that of the credential";
  if (at_ms < now_ms - kMostSkewMs || at_ms > now_ms + kMostSkewMs) return "the signature is of another time";
  if (!EqualInConstantTime(SignSigV4(request, *scope, key.secret_key), scope->signature))
    return "the signature does not match";
  return std::nullopt;
}

}  // namespace gfr

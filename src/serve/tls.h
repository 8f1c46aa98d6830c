// TlsIdentity: what a server shows its clients over TLS: a certificate with its chain, and the private key of it.
//
// TLS 1.2 and newer, without compression and renegotiation. Connections hold the identity that they began with, so that
// another one can take its place at any time. Thread safety: const calls.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/result.h"

namespace gfr {

struct TlsIdentity {
  boost::asio::ssl::context context;
  std::int64_t expires_s = 0;  // When the certificate ends, in seconds since 1970.

  // Of PEM files: `certificate` has the server's own first, then the chain to an authority. Errors: kNotFound or
  // kUnavailable, a file cannot be read; kInvalidArgument, it is no such file, the key is encrypted or is another
  // certificate's.
  static Result<std::shared_ptr<TlsIdentity>> Load(FileSystem& fs, const std::string& certificate,
                                                   const std::string& key);
};

}  // namespace gfr

#include "serve/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace gfr {
namespace {

namespace ssl = boost::asio::ssl;

// OpenSSL's errors stand in a queue of the thread, which the next call would find.
Error RefuseTlsFile(const std::string& path, const std::string& what, const std::string& why) {
  ERR_clear_error();
  return {ErrorCode::kInvalidArgument, path + " is not " + what + (why.empty() ? "" : ": " + why)};
}

std::int64_t SecondsOf(const ASN1_TIME* time) {
  int days = 0, seconds = 0;
  ASN1_TIME* const epoch = ASN1_TIME_set(nullptr, 0);
  const bool known = ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
  ASN1_TIME_free(epoch);
  return known ? std::int64_t{days} * 86'400 + seconds : 0;
}

}  // namespace

Result<std::shared_ptr<TlsIdentity>> TlsIdentity::Load(FileSystem& fs, const std::string& certificate,
                                                       const std::string& key) {
  GFR_ASSIGN(const std::string chain_text, fs.ReadAll(certificate));
  GFR_ASSIGN(const std::string key_text, fs.ReadAll(key));
  auto identity = std::make_shared<TlsIdentity>(TlsIdentity{.context = ssl::context(ssl::context::tls_server)});
  SSL_CTX* const context = identity->context.native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // Idle connections hold 34 KB less.

  boost::system::error_code ec;
  // Without this the library would ask for an encrypted key's password at the terminal.
  identity->context.set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); },
                                          ec);
  identity->context.use_certificate_chain(boost::asio::buffer(chain_text), ec);
  if (ec) return RefuseTlsFile(certificate, "a certificate in PEM", ec.message());
  identity->context.use_private_key(boost::asio::buffer(key_text), ssl::context::pem, ec);
  if (ec) {
    return key_text.find("ENCRYPTED") != std::string::npos
               ? RefuseTlsFile(key, "a key that can be read without a password", "write it without one, mode 0600")
               : RefuseTlsFile(key, "the private key in PEM of the certificate in " + certificate, ec.message());
  }
  if (SSL_CTX_check_private_key(context) != 1)
    return RefuseTlsFile(key, "the private key of the certificate in " + certificate, "");
  identity->expires_s = SecondsOf(X509_get0_notAfter(SSL_CTX_get0_certificate(context)));
  ERR_clear_error();
  return identity;
}

}  // namespace gfr

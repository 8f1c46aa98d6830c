// A certificate for 127.0.0.1, ::1 and localhost that signs itself, made anew for each test. For tests only.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>

namespace gfr {

// Writes PEM files: the certificate, good from yesterday for `days` from now, and its key. A `password` encrypts the
// key. False: it did not succeed.
inline bool MakeTestCertificate(const std::string& certificate, const std::string& key, long days = 30,
                                const char* password = nullptr) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pair(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), &X509_free);
  if (pair == nullptr || made == nullptr) return false;
  static long serial = 0;
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -86'400);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), days * 86'400);
  X509_set_pubkey(made.get(), pair.get());
  X509_NAME* const name = X509_get_subject_name(made.get());
  const auto* text = reinterpret_cast<const unsigned char*>("gfr test");
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
  X509_set_issuer_name(made.get(), name);
  X509V3_CTX of;
  X509V3_set_ctx(&of, made.get(), made.get(), nullptr, nullptr, 0);
  for (const auto& [kind, value] : {std::pair{NID_basic_constraints, "critical,CA:TRUE"},
                                    std::pair{NID_subject_alt_name, "IP:127.0.0.1,IP:::1,DNS:localhost"}}) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &of, kind, value);
    X509_add_ext(made.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  if (X509_sign(made.get(), pair.get(), EVP_sha256()) == 0) return false;
  const auto write = [](const std::string& path, auto with) {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    const bool written = file != nullptr && with(file) == 1;
    return (file == nullptr || std::fclose(file) == 0) && written;
  };
  return write(certificate, [&](std::FILE* f) { return PEM_write_X509(f, made.get()); }) &&
         write(key, [&](std::FILE* f) {
           return PEM_write_PKCS8PrivateKey(f, pair.get(), password ? EVP_aes_256_cbc() : nullptr, password,
                                            password ? static_cast<int>(std::string(password).size()) : 0, nullptr,
                                            nullptr);
         });
}

}  // namespace gfr

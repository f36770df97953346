#include "tools/certificates.hpp"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

namespace hubproof::tools {
namespace {

using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using Bio = std::unique_ptr<BIO, void (*)(BIO*)>;

// What is wrong, for people. Thrown here, and made a problem in certificates().
struct Trouble {
  std::string what;
};

// Devices may have clocks that are behind.
constexpr std::chrono::days valid_before_now{1};

void made(bool well) {
  if (!well) throw Trouble{"OpenSSL cannot make a certificate: " + std::string{ERR_reason_error_string(ERR_get_error())}};
}

std::time_t seconds(model::Date date) {
  return std::chrono::duration_cast<std::chrono::seconds>(date.time_since_epoch()).count();
}

std::string day(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 32> text{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown day";
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return text.data();
}

bool ends_before(const X509* certificate, model::Date when) {
  std::time_t at = seconds(when);
  return X509_cmp_time(X509_get0_notAfter(certificate), &at) < 0;
}

// ---- Files.

std::string with_reason(const std::string& what) { return what + ": " + std::strerror(errno); }

std::optional<std::string> read(const std::string& path) {
  if (!std::filesystem::exists(path)) return {};
  errno = 0;
  std::ifstream in{path, std::ios::binary};
  if (!in) throw Trouble{with_reason("cannot read " + path)};
  return std::string{std::istreambuf_iterator<char>{in}, {}};
}

// Whole or not at all.
void write(const std::string& path, const std::string& text, mode_t mode) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) throw Trouble{with_reason("cannot write " + fresh)};
  const bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(file) == 0;
  const std::string why = written ? "" : with_reason("cannot write " + fresh);
  ::close(file);
  if (!written) throw Trouble{why};
  if (::rename(fresh.c_str(), path.c_str()) != 0) throw Trouble{with_reason("cannot write " + path)};
}

// ---- PEM.

Bio bio_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), [](BIO* bio) { BIO_free(bio); }};
}
Certificate certificate_of(const std::string& text) {
  return {PEM_read_bio_X509(bio_of(text).get(), nullptr, nullptr, nullptr), X509_free};
}
Key key_of(const std::string& text) {
  return {PEM_read_bio_PrivateKey(bio_of(text).get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
}
template <class Write>
std::string pem(Write write_to) {
  const Bio bio{BIO_new(BIO_s_mem()), [](BIO* each) { BIO_free(each); }};
  made(write_to(bio.get()) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}
std::string pem(X509* certificate) {
  return pem([&](BIO* to) { return PEM_write_bio_X509(to, certificate); });
}
std::string pem(EVP_PKEY* key) {
  return pem([&](BIO* to) { return PEM_write_bio_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

// ---- Making.

Key fresh_key() {
  Key key{EVP_EC_gen("P-256"), EVP_PKEY_free};  // a handshake with RSA would cost the server ten times as much
  made(key != nullptr);
  return key;
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension{
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()), X509_EXTENSION_free};
  made(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

std::string random_hex() {
  std::array<unsigned char, 4> bytes{};
  made(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

Certificate unsigned_certificate(EVP_PKEY* key, const std::string& name, model::Date now, std::chrono::days life) {
  Certificate fresh{X509_new(), X509_free};
  made(fresh != nullptr && X509_set_version(fresh.get(), 2) == 1);
  std::array<unsigned char, 16> serial{};
  made(RAND_bytes(serial.data(), static_cast<int>(serial.size())) == 1);
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 1);  // positive
  const std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> number{
      BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr), BN_free};
  made(number != nullptr && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(fresh.get())) != nullptr);
  made(ASN1_TIME_set(X509_getm_notBefore(fresh.get()), seconds(now - valid_before_now)) != nullptr);
  made(ASN1_TIME_set(X509_getm_notAfter(fresh.get()), seconds(now + life)) != nullptr);
  made(X509_NAME_add_entry_by_txt(X509_get_subject_name(fresh.get()), "CN", MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0) == 1);
  made(X509_set_pubkey(fresh.get(), key) == 1);
  return fresh;
}

// Its name is its own: a client that trusts several tells them apart by it.
Certificate make_authority(EVP_PKEY* key, model::Date now) {
  Certificate fresh = unsigned_certificate(key, "hubproof authority " + random_hex(), now, authority_life);
  made(X509_set_issuer_name(fresh.get(), X509_get_subject_name(fresh.get())) == 1);
  extend(fresh.get(), fresh.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  extend(fresh.get(), fresh.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  extend(fresh.get(), fresh.get(), NID_subject_key_identifier, "hash");
  made(X509_sign(fresh.get(), key, EVP_sha256()) > 0);
  return fresh;
}

bool is_address(const std::string& name) {
  const std::unique_ptr<ASN1_OCTET_STRING, void (*)(ASN1_OCTET_STRING*)> bytes{a2i_IPADDRESS(name.c_str()),
                                                                               ASN1_OCTET_STRING_free};
  ERR_clear_error();
  return bytes != nullptr;
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) {
    if (!all.empty()) all += ',';
    all += (is_address(name) ? "IP:" : "DNS:") + name;
  }
  return all;
}

Certificate make_certificate(EVP_PKEY* key, const std::vector<std::string>& names, X509* authority,
                             EVP_PKEY* authority_key, model::Date now) {
  Certificate fresh = unsigned_certificate(key, names.front(), now, certificate_life);
  if (ends_before(authority, now + certificate_life))  // none outlives its authority
    made(X509_set1_notAfter(fresh.get(), X509_get0_notAfter(authority)) == 1);
  made(X509_set_issuer_name(fresh.get(), X509_get_subject_name(authority)) == 1);
  extend(fresh.get(), authority, NID_basic_constraints, "critical,CA:FALSE");
  extend(fresh.get(), authority, NID_key_usage, "critical,digitalSignature,keyAgreement");
  extend(fresh.get(), authority, NID_ext_key_usage, "serverAuth");
  extend(fresh.get(), authority, NID_subject_key_identifier, "hash");
  extend(fresh.get(), authority, NID_authority_key_identifier, "keyid:always");
  extend(fresh.get(), authority, NID_subject_alt_name, alternative_names(names));
  made(X509_sign(fresh.get(), authority_key, EVP_sha256()) > 0);
  return fresh;
}

// ---- What is there.

bool names_all(X509* certificate, const std::vector<std::string>& names) {
  return std::ranges::all_of(names, [&](const std::string& name) {
    if (is_address(name)) return X509_check_ip_asc(certificate, name.c_str(), 0) == 1;
    if (!name.starts_with("*."))
      return X509_check_host(certificate, name.c_str(), 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
    const std::string any = "any" + name.substr(1);  // what the wildcard stands for
    return X509_check_host(certificate, any.c_str(), 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
  });
}

// Why a certificate that is there cannot be used any more; empty: it can.
std::string outdated(const std::string& certificate_text, const std::string& key_text, X509* authority,
                     const std::vector<std::string>& names, model::Date now) {
  const Certificate certificate = certificate_of(certificate_text);
  const Key key = key_of(key_text);
  if (!certificate || !key || X509_check_private_key(certificate.get(), key.get()) != 1)
    return "the old one could not be used";
  if (X509_verify(certificate.get(), X509_get0_pubkey(authority)) != 1) return "the old one had another authority";
  if (ends_before(certificate.get(), now)) return "the old one ended " + day(X509_get0_notAfter(certificate.get()));
  if (ends_before(certificate.get(), now + renewed_before) &&
      ASN1_TIME_compare(X509_get0_notAfter(certificate.get()), X509_get0_notAfter(authority)) < 0)
    return "the old one would have ended " + day(X509_get0_notAfter(certificate.get()));
  if (!names_all(certificate.get(), names)) return "the old one lacked a name";
  return {};
}

Certificates provide(const std::string& directory, const std::vector<std::string>& names, model::Date now) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) throw Trouble{"cannot make " + directory + ": " + error.message()};
  const std::string authority_file = directory + "/ca.pem", authority_key_file = directory + "/ca-key.pem";
  const std::string file = directory + "/server.pem", key_file = directory + "/server-key.pem";
  const std::string instead = "; move " + authority_file + " and " + authority_key_file +
                              " away to have new ones made, and give the new ca.pem to all clients";
  Certificates result;
  result.file = authority_file;

  std::optional<std::string> authority_text = read(authority_file);
  std::optional<std::string> authority_key_text = read(authority_key_file);
  if (!authority_text) {
    if (authority_key_text) throw Trouble{authority_key_file + " is there and " + authority_file + " is not" + instead};
    const Key key = fresh_key();
    authority_key_text = pem(key.get());
    authority_text = pem(make_authority(key.get(), now).get());
    write(authority_key_file, *authority_key_text, 0600);
    write(authority_file, *authority_text, 0644);
    result.remarks.push_back("made a certificate authority: clients are to trust " + authority_file);
  }
  const Certificate authority = certificate_of(*authority_text);
  if (!authority) throw Trouble{"no certificate in " + authority_file + instead};
  if (ends_before(authority.get(), now))
    throw Trouble{"the certificate authority " + authority_file + " ended " +
                  day(X509_get0_notAfter(authority.get())) + instead};
  if (ends_before(authority.get(), now + renewed_before))
    result.remarks.push_back("the certificate authority " + authority_file + " ends " +
                             day(X509_get0_notAfter(authority.get())) + instead);
  result.authority = *authority_text;

  const auto old = read(file);
  const auto old_key = read(key_file);
  const std::string why =
      old && old_key ? outdated(*old, *old_key, authority.get(), names, now) : std::string{"there was none"};
  if (why.empty()) {
    result.certificate = *old;
    result.key = *old_key;
    return result;
  }
  if (!authority_key_text)
    throw Trouble{"a certificate for the doors has to be made (" + why + "), and its authority's key " +
                  authority_key_file + " is not there" + instead};
  const Key authority_key = key_of(*authority_key_text);
  if (!authority_key || X509_check_private_key(authority.get(), authority_key.get()) != 1)
    throw Trouble{authority_key_file + " holds no key that fits " + authority_file + instead};
  const Key key = fresh_key();
  result.key = pem(key.get());
  result.certificate = pem(make_certificate(key.get(), names, authority.get(), authority_key.get(), now).get());
  write(key_file, result.key, 0600);
  write(file, result.certificate, 0644);
  if (old) result.remarks.push_back("made a new certificate for the doors, because " + why);
  return result;
}

}  // namespace

std::optional<Certificates> certificates(const std::string& directory, const std::vector<std::string>& names,
                                         model::Date now, std::string& problem) {
  std::vector<std::string> all{"localhost", "127.0.0.1", "::1"};
  for (const std::string& name : names)
    if (std::ranges::find(all, name) == all.end()) all.push_back(name);
  std::optional<Certificates> result;
  try {
    result = provide(directory, all, now);
  } catch (const Trouble& trouble) {
    problem = trouble.what;
  }
  ERR_clear_error();
  return result;
}

bool is_certificate_name(const std::string& name) {
  if (is_address(name)) return true;
  std::string_view rest = name;
  if (rest.starts_with("*.")) rest.remove_prefix(2);
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return !rest.empty() && rest.size() <= 253 && rest.front() != '.' && rest.find("..") == std::string_view::npos &&
         std::ranges::all_of(rest, plain);
}

}  // namespace hubproof::tools

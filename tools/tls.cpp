#include "tools/tls.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <new>

namespace hubproof::tools {

// A BIO that reads from and writes to the Wire of a Tls.
struct WireCalls {
  static int read(BIO* bio, char* to, std::size_t size, std::size_t* got) {
    model::View& in = static_cast<Tls::Wire*>(BIO_get_data(bio))->in;
    BIO_clear_retry_flags(bio);
    *got = std::min(size, in.size());
    if (*got == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::copy_n(in.begin(), *got, reinterpret_cast<std::uint8_t*>(to));
    in = in.subspan(*got);
    return 1;
  }
  static int write(BIO* bio, const char* from, std::size_t size, std::size_t* written) {
    model::Bytes& out = static_cast<Tls::Wire*>(BIO_get_data(bio))->out;
    out.insert(out.end(), from, from + size);
    *written = size;
    return 1;
  }
  static long control(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
      if (fresh == nullptr) throw std::bad_alloc{};
      BIO_meth_set_read_ex(fresh, read);
      BIO_meth_set_write_ex(fresh, write);
      BIO_meth_set_ctrl(fresh, control);
      return fresh;
    }();
    return made;
  }
};

namespace {

constexpr std::size_t largest_record = 16'384;  // of plain bytes

std::string last_error() {
  std::string text;
  while (const unsigned long error = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(error);
    text = reason != nullptr ? reason : "error " + std::to_string(error);
  }
  return text.empty() ? "no reason is known" : text;
}

using Bio = std::unique_ptr<BIO, void (*)(BIO*)>;
Bio bio_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), [](BIO* bio) { BIO_free(bio); }};
}

using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
Certificate next_certificate(BIO* bio) { return {PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), X509_free}; }

bool trust(SSL_CTX* context, const std::string& authorities) {
  const Bio bio = bio_of(authorities);
  int count = 0;
  while (const Certificate one = next_certificate(bio.get()))
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get()) == 1) ++count;
  ERR_clear_error();  // that there are no more
  return count > 0;
}

bool show(SSL_CTX* context, const std::string& chain, const std::string& key, std::string& problem) {
  const Bio certificates = bio_of(chain);
  const Certificate own = next_certificate(certificates.get());
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) {
    problem = "no certificate: " + last_error();
    return false;
  }
  while (Certificate between = next_certificate(certificates.get()))
    if (SSL_CTX_add0_chain_cert(context, between.get()) == 1) static_cast<void>(between.release());
  ERR_clear_error();
  const Bio keys = bio_of(key);
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> secret{
      PEM_read_bio_PrivateKey(keys.get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
  if (!secret || SSL_CTX_use_PrivateKey(context, secret.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    problem = "no key that fits the certificate: " + last_error();
    return false;
  }
  return true;
}

std::string thumbprint(const X509* certificate, const EVP_MD* method) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(certificate, method, digest.data(), &size) != 1) return {};
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += "0123456789ABCDEF"[digest[i] >> 4];
    text += "0123456789ABCDEF"[digest[i] & 15];
  }
  return text;
}

std::string common_name(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return {};
  std::string name{reinterpret_cast<char*>(text), static_cast<std::size_t>(size)};
  OPENSSL_free(text);
  return name;
}

SSL_CTX* fresh_context() {
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  if (context == nullptr) throw std::bad_alloc{};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // A renegotiation costs the server more than its client, and no device needs one. Many end without
  // a close_notify: MQTT and AMQP say themselves when they have said all.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // while a connection is silent it has none
  return context;
}

}  // namespace

TlsContext::TlsContext(ssl_ctx_st* context, bool is_server)
    : context_{context, SSL_CTX_free}, is_server_{is_server} {}

std::unique_ptr<TlsContext> TlsContext::server(const std::string& chain, const std::string& key,
                                               const std::string& authorities, std::string& problem) {
  std::unique_ptr<TlsContext> made{new TlsContext{fresh_context(), true}};
  SSL_CTX* context = made->get();
  if (!show(context, chain, key, problem)) return nullptr;
  trust(context, authorities);
  // Whoever shows a certificate that ends nowhere is let in: its thumbprint may be known [SEC-20]. What
  // was wrong with its chain stays in the session's result.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  constexpr unsigned char name[] = "hubproof";
  SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets hold what is to be known
  SSL_CTX_set_num_tickets(context, 1);
  return made;
}

std::unique_ptr<TlsContext> TlsContext::client(const std::string& authorities, const std::string& chain,
                                               const std::string& key, std::string& problem) {
  std::unique_ptr<TlsContext> made{new TlsContext{fresh_context(), false}};
  SSL_CTX* context = made->get();
  if (!trust(context, authorities)) {
    problem = "no certificate authority";
    return nullptr;
  }
  if (!chain.empty() && !show(context, chain, key, problem)) return nullptr;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return made;
}

Tls::Tls(const TlsContext& context, const std::string& server_name)
    : ssl_{SSL_new(context.get()), SSL_free} {
  BIO* bio = BIO_new(WireCalls::method());
  if (!ssl_ || bio == nullptr) throw std::bad_alloc{};
  BIO_set_data(bio, &wire_);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  if (context.is_server()) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  if (server_name.empty()) return;
  X509_VERIFY_PARAM* expected = SSL_get0_param(ssl_.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(expected, server_name.c_str()) == 1) return;
  X509_VERIFY_PARAM_set1_host(expected, server_name.c_str(), 0);
  SSL_set_tlsext_host_name(ssl_.get(), server_name.c_str());
}
Tls::~Tls() = default;

void Tls::start() { greet(); }

void Tls::greet() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1)
    state_ = State::open;
  else
    fail("the TLS handshake failed: ", result);
}

// Unless it only waits for more.
void Tls::fail(const char* what, int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ) return;
  if (error == SSL_ERROR_ZERO_RETURN) {
    state_ = State::ended;
    return;
  }
  state_ = State::failed;
  problem_ = what + last_error();
}

void Tls::received(model::View bytes, model::Bytes& plain) {
  wire_.in = bytes;
  if (state_ == State::greeting) greet();
  std::array<std::uint8_t, largest_record> record;
  while (state_ == State::open) {
    ERR_clear_error();
    std::size_t size = 0;
    const int result = SSL_read_ex(ssl_.get(), record.data(), record.size(), &size);
    if (result != 1) {
      fail("TLS failed: ", result);
      break;
    }
    plain.insert(plain.end(), record.data(), record.data() + size);
  }
  wire_.in = {};
}

void Tls::send(model::View plain) {
  std::size_t written = 0;
  if (plain.empty() || state_ == State::greeting || state_ == State::failed) return;
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written);
  if (result != 1) fail("TLS failed: ", result);
}

void Tls::close() {
  if (state_ != State::open && state_ != State::ended) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

std::optional<model::ClientCertificate> Tls::certificate() const {
  const X509* shown = SSL_get0_peer_certificate(ssl_.get());
  if (shown == nullptr) return {};
  return model::ClientCertificate{thumbprint(shown, EVP_sha256()), thumbprint(shown, EVP_sha1()), common_name(shown),
                         SSL_get_verify_result(ssl_.get()) == X509_V_OK};
}

}  // namespace hubproof::tools

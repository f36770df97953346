// Shared access signatures: what a token says, whether a key signed it, and how one is made.
// Whether it is good for something is the gate's question.
//
// A token is `SharedAccessSignature ` and the fields sr, sig, se and perhaps skn, joined by `&`, in
// any order [SEC-01]. Signed is the text of `sr` as it stands in the token, a line feed and the
// text of `se` [SEC-04]: encoders differ, so nothing is decoded and encoded again [SEC-05].
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/bytes.hpp"
#include "model/history.hpp"
#include "model/identity.hpp"
#include "model/time.hpp"

namespace hubproof::model {

struct Token {
  std::string signed_text;  // sr, line feed, se
  std::string host;         // of the resource, decoded; with the port, if it has one
  std::string scope;        // its path, decoded: no slash at either end; empty: all of the host
  std::string policy;       // skn; empty: signed with a device's own key [SEC-08]
  Bytes signature;
  Date expiry{};            // se [SEC-03]
};

// Nothing when it is not a token: another scheme, a field that is missing, stands twice or cannot
// be read.
std::optional<Token> read_token(std::string_view text);

// Did this key sign it? Takes as long for a right signature as for a wrong one.
bool signed_by(const Token& token, std::string_view key, KeyForm form);

// `resource` goes into the token percent-encoded, as device SDKs do it. A date is cut to seconds.
std::string make_token(std::string_view resource, std::string_view key, KeyForm form, Date expiry,
                       std::string_view policy = {});
// The same of a resource that is encoded already, and is signed as it stands [SEC-05].
std::string make_encoded_token(std::string_view resource, std::string_view key, KeyForm form, Date expiry,
                               std::string_view policy = {});

// A key's name in grants and histories; it tells nothing of the key. 0: it cannot be a key.
std::uint64_t key_digest(std::string_view key);

// The keys that an operation gives a device, as its events name them; those that are not given: 0.
void name_keys(Event& event, const Credentials& credentials);
// A scope, as the event of a connection names it.
std::uint64_t scope_digest(std::string_view device);

// May this text be a shared key: base64 of 16 to 64 bytes?
bool is_key(std::string_view text);

}  // namespace hubproof::model

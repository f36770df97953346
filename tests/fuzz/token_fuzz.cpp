// Shared access signatures: whatever text comes, reading it ends with nothing or with a token that says what
// it says; and what was read, made again with a key, is that token and is signed by that key alone.
#include <string>

#include "model/hub/token.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace hubproof::model;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const View bytes{data, size};
  const auto token = read_token(text(bytes));
  if (!token) return 0;
  hold(token->signature.size() == 32 && !token->host.empty() && !token->scope.ends_with('/'));
  hold(token->host.find('/') == std::string::npos && token->expiry >= Date{});
  const std::string key = "c2l4dGVlbiBieXRlcyBvZiBhIGtleQ==", other = "c2l4dGVlbiBieXRlcyBvZiBhIGtlWQ==";
  for (const KeyForm form : {KeyForm::decoded, KeyForm::text}) {
    hold(!signed_by(*token, "not base64", form) && !signed_by(*token, "", form));
    const std::string made =
        make_token("sb://" + token->host + "/" + token->scope, key, form, token->expiry, token->policy);
    const auto again = read_token(made);
    hold(again && again->host == token->host && again->scope == token->scope);
    hold(again->policy == token->policy && again->expiry == token->expiry);
    hold(signed_by(*again, key, form) && !signed_by(*again, other, form));
    hold(!signed_by(*again, key, form == KeyForm::text ? KeyForm::decoded : KeyForm::text));
  }
  return 0;
}

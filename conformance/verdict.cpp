#include "conformance/verdict.hpp"

namespace hubproof::conformance {

const char* verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::not_exercised: return "not_exercised";
    case Verdict::inconclusive: return "inconclusive";
    case Verdict::pass: return "pass";
    case Verdict::fail: return "fail";
  }
  return "";
}

}  // namespace hubproof::conformance

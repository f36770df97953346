// hubproof judge: a history from anywhere.
#include <cstdio>

#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {

int judge_verb(const JudgeArguments&) {
  std::fprintf(stderr, "hubproof judge: not yet\n");
  return exit_usage;
}

}  // namespace hubproof::tools

// The verbs of the command line, one file each. Each prints its result and gives the exit code.
#pragma once

#include "tools/cli.hpp"

namespace hubproof::tools {

struct Descriptor;

int run_verb(const RunArguments& arguments);
int replay_verb(const ReplayArguments& arguments);
int shrink_verb(const ShrinkArguments& arguments);
int judge_verb(const JudgeArguments& arguments);
int conform_verb(const ConformArguments& arguments);
int list_verb(const ListArguments& arguments);
int serve_verb(const ServeArguments& arguments);
int proxy_verb(const ProxyArguments& arguments);
int zoo_verb(const ZooArguments& arguments);

int conform_device_verb(const ConformArguments& arguments);  // conform --device
int conform_soak_verb(const ConformArguments& arguments, const Descriptor& descriptor);  // conform --soak

int exhaustive_verb(const RunArguments& arguments);  // run --strategy exhaustive

int exit_code(conformance::Verdict verdict);  // of a campaign or a history

}  // namespace hubproof::tools

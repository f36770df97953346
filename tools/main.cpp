// START HERE. The table of verbs, nothing else: each gets its arguments and gives the exit code.
#include "tools/cli.hpp"
#include "tools/verbs/verbs.hpp"

int main(int argc, char** argv) {
  using namespace hubproof::tools;
  struct Verbs {
    int operator()(const Done& done) const { return done.code; }
    int operator()(const RunArguments& arguments) const { return run_verb(arguments); }
    int operator()(const ReplayArguments& arguments) const { return replay_verb(arguments); }
    int operator()(const ShrinkArguments& arguments) const { return shrink_verb(arguments); }
    int operator()(const JudgeArguments& arguments) const { return judge_verb(arguments); }
    int operator()(const ConformArguments& arguments) const { return conform_verb(arguments); }
    int operator()(const ListArguments& arguments) const { return list_verb(arguments); }
    int operator()(const ServeArguments& arguments) const { return serve_verb(arguments); }
    int operator()(const ProxyArguments& arguments) const { return proxy_verb(arguments); }
    int operator()(const ZooArguments& arguments) const { return zoo_verb(arguments); }
  };
  return std::visit(Verbs{}, read_command_line(argc, argv));
}

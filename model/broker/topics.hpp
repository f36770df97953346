// Who has subscribed to what: filters without wildcards are looked up, those with one are tried in turn.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/broker_rules.hpp"

namespace hubproof::model::broker {

class Subscriptions {
 public:
  explicit Subscriptions(const BrokerRules& rules) : rules_{&rules} {}

  void add(std::string_view filter, std::uint64_t session, std::uint8_t qos);
  void remove(std::string_view filter, std::uint64_t session);

  struct Match {
    std::uint64_t session = 0;
    std::uint8_t qos = 0;  // the highest granted to a filter of it that matches [mqtt311:3.3.5-1]
  };
  // Each session once, in the order of their numbers, which is that of their beginnings.
  const std::vector<Match>& matching(std::string_view topic);

 private:
  using Holders = std::map<std::uint64_t, std::uint8_t>;
  using Filters = std::map<std::string, Holders, std::less<>>;

  Filters& filters(std::string_view filter) {
    return filter.find_first_of("+#") == std::string_view::npos ? plain_ : wild_;
  }
  void collect(const Holders& holders);

  const BrokerRules* rules_;
  Filters plain_;
  Filters wild_;
  std::vector<Match> found_;
};

}  // namespace hubproof::model::broker

// What every soak has: players whose connections go through a proxy of the soak's own, restarts, and the history of
// what the players saw. Heavy: include it from .cpp files only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/chance.hpp"
#include "model/effects.hpp"
#include "tools/asio_port.hpp"
#include "tools/conform/reach.hpp"
#include "tools/conform/soak.hpp"
#include "tools/history_file.hpp"
#include "tools/proxy/core.hpp"
#include "tools/sim_node.hpp"

namespace hubproof::tools {

class SoakStage : public PortUser {
 public:
  using Door = conformance::cases::Door;
  using Instant = model::Instant;

  // A machine with its application. Its connections are the proxy's; those of its machine are numbered from 1.
  class Player {
   public:
    Player(SoakStage& stage, std::string id, sim::NodeId node) : stage_{stage}, id_{std::move(id)}, node_{node} {}
    Player(const Player&) = delete;
    Player& operator=(const Player&) = delete;
    virtual ~Player() = default;

    virtual void begin() = 0;             // once
    virtual void woken() = 0;             // it asked for that, or somebody else did
    virtual void heal() {}                // faults are over: what has not begun begins
    virtual bool settled() const = 0;     // nothing of it is under way
    virtual model::Instant next() const = 0;  // when it is to be woken

    void done();                          // what the machine wants is done
    const std::string& id() const { return id_; }

    // Port.
    virtual void record(std::vector<model::Event>& events);
    void connect(model::ConnectionId own);
    void send(model::ConnectionId own, model::View bytes);
    void close(model::ConnectionId own) { leave(own, model::EndedBy::peer); }
    void abort(model::ConnectionId own) { leave(own, model::EndedBy::reset); }
    void append(std::uint64_t, model::View) {}  // its process does not die, so nobody reads it
    void sync(std::uint64_t, model::Ticket ticket) { synced_.push_back(ticket); }
    void remove(std::uint64_t) {}
    void halt() {}

   protected:
    friend class SoakStage;
    // The machine's calls.
    virtual void connected(model::ConnectionId own) = 0;
    virtual void refused(model::ConnectionId own) = 0;
    virtual void received(model::ConnectionId own, model::View bytes) = 0;
    virtual void ended(model::ConnectionId own, model::EndedBy by) = 0;
    virtual void stored(model::Ticket) {}
    virtual Door door(model::ConnectionId own) const = 0;

    model::Duration draw(const sim::Distribution& distribution, DriverSite where) { return distribution.draw(stage_.choices_, site(where), node_); }
    std::uint32_t below(DriverSite where, std::uint32_t bound) { return stage_.choices_.below(site(where), node_, bound); }
    // Its context is this Player.
    model::Chance chance(model::Chance::Time handling = nullptr);
    void tell(model::What what);

    SoakStage& stage_;
    const std::string id_;
    const sim::NodeId node_;
    model::Effects effects_;
    bool up_ = false;  // it was let in, and not heard the end of it

   private:
    void leave(model::ConnectionId own, model::EndedBy by);
    std::map<model::ConnectionId, PairId> pairs_;  // by the machine's own number
    std::vector<model::Ticket> synced_;
  };

  SoakStage(const Descriptor& descriptor, const SoakOptions& options);
  virtual ~SoakStage() = default;

  SoakResult run();

  // The loop's calls.
  void accepted(model::ConnectionId, std::size_t) override {}
  void connected(model::ConnectionId connection) override;
  void refused(model::ConnectionId connection) override;
  void received(model::ConnectionId connection, model::View bytes) override;
  void ended(model::ConnectionId connection, model::EndedBy by) override;
  void woken() override;

 protected:
  // Of connections: a JSON list of faults at packets, and the longest time from one cut at random to the next.
  struct Faults {
    std::string cuts;
    model::Duration gap{};
  };
  virtual Faults faults() const = 0;
  virtual model::Duration owed_within() const = 0;   // all who can reach the target have got by then what is owed to them
  virtual model::Duration longest_settling() const { return std::chrono::seconds{110}; }  // then who is still away is away
  virtual void clean_up() {}

  static model::Instant now() { return RealNet::now().mono; }
  bool loaded() const { return !healed_ && now() < heals_; }
  void wake(model::Instant when) { port_.wake_at(when); }
  void pump();
  // A participant, behind the ones that there are; `draws` is its name to the seed.
  sim::NodeId cast(std::string name, model::Role role, const std::string& draws);
  void write(model::Event event, sim::NodeId observer);
  std::uint32_t note_of(const std::string& text);

  const Descriptor& descriptor_;
  const SoakOptions& options_;
  std::string tag_;
  SoakResult result_;
  sim::Choices choices_;
  boost::asio::io_context context_{1};
  model::History history_;
  std::vector<std::unique_ptr<Player>> players_;
  model::Instant begun_{};
  bool cleaning_ = false;  // nothing is told any more

 private:
  struct Owner {
    Player* player = nullptr;
    model::ConnectionId own{};
    bool connected = false;  // its machine was told so
  };
  static std::string script(model::Duration length, const Faults& faults);
  static PairId pair_of(model::ConnectionId connection) { return PairId{static_cast<std::uint32_t>(connection)}; }
  static model::ConnectionId connection(PairId pair) { return static_cast<model::ConnectionId>(pair); }
  bool over();
  void heal();
  void restart();
  PairId open(Player& player, model::ConnectionId own);
  void perform_one(const ProxyEffect& effect);
  void tell(model::What what, const std::string& text = {});
  void note(const ProxyNote& told);

  AsioPort<RealNet> port_;
  Reached reached_;
  std::optional<ProxyCore> core_;
  std::unique_ptr<HistoryFile> file_;
  std::map<std::string, std::uint32_t> notes_;
  std::map<PairId, Owner> owners_;  // of the players' ends
  std::vector<PairId> greeted_;     // whose players are to hear that they are connected
  std::vector<Door> doors_;         // by pair, from 1
  std::vector<Instant> restarts_;
  Instant heals_{};
  std::optional<Instant> healed_;
  std::optional<Instant> settled_since_;
};

}  // namespace hubproof::tools

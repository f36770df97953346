#include "tools/real_device.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <random>

#include "tools/asio_port.hpp"
#include "tools/endpoint.hpp"
#include "tools/real_disk.hpp"

namespace hubproof::tools {
namespace {

constexpr model::Duration longest_sleep = std::chrono::seconds{1};  // the wall clock may be set

std::uint32_t draw(void* generator, model::ChanceSite, std::uint32_t bound) {
  return std::uniform_int_distribution<std::uint32_t>{0, bound - 1}(
      *static_cast<std::random_device*>(generator));
}

}  // namespace

struct RealDevice::Parts final : PortUser {
  Parts(const model::DeviceSettings& device_settings, const model::DeviceRules& rules,
        std::string id, std::uint32_t number, Settings settings_)
      : settings{std::move(settings_)},
        device{device_settings, rules, std::move(id), number, model::Chance{draw, &generator}},
        port{context, *this},
        began{RealNet::now().mono} {}

  // The loop's calls.
  void accepted(model::ConnectionId, std::size_t) override {}
  void connected(model::ConnectionId connection) override {
    device.connected(RealNet::now(), connection, effects);
    done();
  }
  void refused(model::ConnectionId connection) override {
    device.refused(RealNet::now(), connection, effects);
    done();
  }
  void received(model::ConnectionId connection, model::View bytes) override {
    device.received(RealNet::now(), connection, bytes, effects);
    done();
  }
  void ended(model::ConnectionId connection, model::EndedBy by) override {
    device.ended(RealNet::now(), connection, by, effects);
    done();
  }
  void woken() override {
    device.woken(RealNet::now(), effects);
    done();
  }
  void synced(model::Ticket ticket, bool ok) {
    device.stored(RealNet::now(), ticket, ok, effects);
    done();
  }

  // Port.
  void record(std::vector<model::Event>& events) {
    if (!settings.on_event) return;
    const model::Now now = RealNet::now();
    for (model::Event& event : events) {
      event.at = (now.mono - began).count();
      event.local = now.wall.time_since_epoch().count();
      event.observer = event.device = model::NodeIndex{0};
      settings.on_event(event);
    }
  }
  void send(model::ConnectionId connection, model::View bytes) { port.send(connection, bytes); }
  void close(model::ConnectionId connection) { port.close(connection); }
  void abort(model::ConnectionId connection) { port.abort(connection); }
  void connect(model::ConnectionId connection) { port.connect(connection, hub); }
  void append(std::uint64_t file, model::View bytes) { disk->append(file, bytes); }
  void sync(std::uint64_t file, model::Ticket ticket) { disk->sync(file, ticket); }
  void remove(std::uint64_t file) { disk->remove(file); }
  void halt() {}

  void done() {
    perform(effects, *this);
    disk->flush();
    const model::Instant look = RealNet::now().mono + longest_sleep;
    const auto deadline = device.deadline();
    port.wake_at(deadline && *deadline < look ? *deadline : look);
  }

  Settings settings;
  boost::asio::io_context context{1};
  std::random_device generator;
  model::Device device;
  model::Effects effects;
  AsioPort<RealNet> port;
  std::unique_ptr<RealDisk> disk;
  RealNet::Endpoint hub;
  model::Instant began;
};

RealDevice::RealDevice(const model::DeviceSettings& device, const model::DeviceRules& rules,
                       std::string id, std::uint32_t number, Settings settings)
    : parts_{
          std::make_unique<Parts>(device, rules, std::move(id), number, std::move(settings))} {}
RealDevice::~RealDevice() = default;

bool RealDevice::open(const HostPort& hub, std::string& problem) {
  boost::system::error_code error;
  parts_->hub = {boost::asio::ip::make_address(hub.host, error), hub.port};
  if (error) {
    problem = "not an address: " + hub.host;
    return false;
  }
  RealDisk::Hooks hooks{
      [parts = parts_.get()](std::function<void()> work) {
        boost::asio::post(parts->context, std::move(work));
      },
      [parts = parts_.get()](model::Ticket ticket, bool ok) { parts->synced(ticket, ok); }};
  parts_->disk = parts_->settings.store.empty()
                     ? RealDisk::nowhere(std::move(hooks))
                     : RealDisk::open(parts_->settings.store, std::move(hooks), problem);
  if (!parts_->disk) return false;
  std::vector<RealDisk::File> held;
  if (!parts_->disk->read(held, problem)) return false;
  std::vector<model::StoredFile> files;
  for (const RealDisk::File& file : held)
    files.push_back({static_cast<model::FileId>(file.name), file.bytes});
  parts_->device.started(RealNet::now(), files, parts_->effects);
  parts_->done();
  return true;
}

void RealDevice::submit(model::View message) {
  parts_->device.submit(RealNet::now(), message, parts_->effects);
  parts_->done();
}

std::size_t RealDevice::unacknowledged() const { return parts_->device.unacknowledged(); }

void RealDevice::sleep() {
  parts_->device.sleep(RealNet::now(), parts_->effects);
  parts_->done();
}

void RealDevice::run(const std::function<bool()>& until) {
  while (!until()) parts_->context.run_one();
}

}  // namespace hubproof::tools

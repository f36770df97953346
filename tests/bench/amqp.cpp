// bench_amqp HOST:PORT ADDRESS MESSAGES WINDOW [PID]: sends so many messages over one AMQP 1.0 link, with at most
// WINDOW of them without the peer's word, and says how many were accepted and what CPU time the process PID took
// for each. The peer lets in whom it does not know: there is no SASL.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "model/amqp/engine.hpp"
#include "model/amqp/message.hpp"
#include "tests/bench/usage.hpp"
#include "tools/real_hub.hpp"

int main(int count, char** arguments) {
  using namespace hubproof;
  namespace amqp = model::amqp;
  const auto where = count > 4 ? tools::host_port(arguments[1]) : std::nullopt;
  if (!where) {
    std::fprintf(stderr, "usage: bench_amqp HOST:PORT ADDRESS MESSAGES WINDOW [PID]\n");
    return 64;
  }
  const auto wanted = static_cast<std::size_t>(std::atoll(arguments[3]));
  const auto window = static_cast<std::size_t>(std::atoll(arguments[4]));
  const char* pid = count > 5 ? arguments[5] : "self";

  boost::asio::io_context context;
  boost::asio::ip::tcp::socket socket{context};
  socket.connect({boost::asio::ip::make_address(where->host), where->port});
  socket.set_option(boost::asio::ip::tcp::no_delay{true});
  amqp::Engine engine{{true, "bench_amqp", "localhost", {}, 0}};
  amqp::Attach attach;
  attach.peer_sends = false;
  attach.name = "sender";
  attach.target = arguments[2];
  const amqp::LinkId link = engine.attach(attach);
  model::Bytes flat, message;
  model::MessageWriter{flat}.body(model::view("sixty-four bytes of telemetry, as a small device would send them"));
  amqp::write_message(message, model::MessageView{flat}, "");

  std::size_t sent = 0, accepted = 0, refused = 0;
  bench::Usage before;
  model::Bytes in(65'536), out;
  while (accepted + refused < wanted) {
    while (const auto event = engine.next()) {
      if (std::holds_alternative<amqp::Attached>(*event)) before = bench::usage_of(pid);
      if (const auto* said = std::get_if<amqp::Settled>(&*event)) {
        ++(said->outcome == amqp::Outcome::accepted ? accepted : refused);
        engine.forget(said->link, said->delivery);
      }
      const amqp::Error* error = nullptr;
      if (const auto* detached = std::get_if<amqp::Detached>(&*event)) error = &detached->error;
      if (const auto* closed = std::get_if<amqp::Closed>(&*event)) error = &closed->error;
      if (const auto* broken = std::get_if<amqp::Broken>(&*event)) error = &broken->error;
      if (error) {
        std::fprintf(stderr, "bench_amqp: %s: %s\n", error->condition.c_str(), error->description.c_str());
        return 1;
      }
    }
    while (sent < wanted && sent - accepted - refused < window && engine.credit(link) > 0) {
      const auto tag = static_cast<std::uint32_t>(++sent);
      const model::Bytes bytes{static_cast<std::uint8_t>(tag >> 24), static_cast<std::uint8_t>(tag >> 16),
                               static_cast<std::uint8_t>(tag >> 8), static_cast<std::uint8_t>(tag)};
      engine.send(link, bytes, message);
    }
    out.clear();
    engine.output({}, out);
    if (!out.empty()) boost::asio::write(socket, boost::asio::buffer(out));
    else if (accepted + refused < wanted)
      engine.received({}, model::View{in}.first(socket.read_some(boost::asio::buffer(in))));
  }
  const bench::Usage after = bench::usage_of(pid);
  std::printf("messages           %zu sent, %zu accepted, %zu refused\n", sent, accepted, refused);
  std::printf("cpu                %.1f us a message\n", 1e6 * (after.cpu - before.cpu) / static_cast<double>(accepted));
  return refused == 0 ? 0 : 1;
}

// Writes a capture of a small office network on a normal minute: make_pcap OUT.pcap
//
// Eight workstations look up names, browse over IPv4 and IPv6, ping their router; one segment is in a VLAN; somebody
// outside scans for telnet (TCP 23) and a misconfigured device sends UDP to the same port. Always the same bytes: the
// random numbers are seeded and the clock starts at a fixed second.
#include <pcap/pcap.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "frames.hpp"

namespace demo {
namespace {

constexpr std::uint16_t kTelnet = 23;
constexpr unsigned kConversations = 165;
constexpr std::uint16_t kVlan = 100;

Station station(std::uint8_t network, std::uint8_t host) {
  Station made;
  made.mac = {0x02, 0x00, 0x5e, 0x10, network, host};
  made.v4 = network == 0 ? Ipv4{192, 0, 2, host} : Ipv4{198, 51, 100, host};
  made.v6 = {0x20, 0x01, 0x0d, 0xb8, 0, network};
  made.v6[15] = host;
  return made;
}

/// One conversation's frames, in their order, with the time each takes to come after the one before.
struct Conversation {
  std::vector<Bytes> frames;
  void add(Bytes frame) { frames.push_back(std::move(frame)); }
};

class Traffic {
 public:
  Conversation next() {
    const unsigned kind = pick(100);
    const Path path{station(0, static_cast<std::uint8_t>(10 + pick(8))), station(0, 1),
                    pick(3) == 0 ? Version::ipv6 : Version::ipv4};
    Conversation talk;
    if (kind < 24)
      look_up(talk, path);
    else if (kind < 62)
      browse(talk, path);
    else if (kind < 72)
      ping(talk, path);
    else if (kind < 80)
      resolve(talk, path);
    else if (kind < 94)
      scan(talk);
    else
      stray(talk, path);
    if (pick(8) == 0)
      for (Bytes& frame : talk.frames) frame = in_vlan(frame, kVlan);
    return talk;
  }

  /// A number below `limit`; the same on every machine, unlike std::uniform_int_distribution.
  unsigned pick(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

 private:
  std::uint16_t client_port() { return static_cast<std::uint16_t>(32768 + pick(28000)); }

  void look_up(Conversation& talk, const Path& path) {
    static constexpr std::string_view kNames[] = {"www.example.org", "mail.example.net", "updates.example.com"};
    const std::string_view name = kNames[pick(3)];
    const auto id = static_cast<std::uint16_t>(random_());
    const std::uint16_t port = client_port();
    const Ipv4 address{198, 51, 100, 80};
    talk.add(udp_frame(path, port, 53, dns_message(id, name, nullptr)));
    talk.add(udp_frame(path.back(), 53, port, dns_message(id, name, &address)));
  }

  void browse(Conversation& talk, const Path& office) {
    const Path path{office.from, station(1, 80), office.version};
    const std::uint16_t port = client_port();
    const auto server = static_cast<std::uint16_t>(pick(4) == 0 ? 80 : 443);
    auto ours = static_cast<std::uint32_t>(random_());
    auto theirs = static_cast<std::uint32_t>(random_());
    const auto request = [&](std::uint8_t flags, const Bytes& payload = {}) {
      talk.add(tcp_frame(path, {port, server, ours, theirs, flags}, payload));
      ours += static_cast<std::uint32_t>(payload.size()) + (flags & (kSyn | kFin) ? 1 : 0);
    };
    const auto reply = [&](std::uint8_t flags, const Bytes& payload = {}) {
      talk.add(tcp_frame(path.back(), {server, port, theirs, ours, flags}, payload));
      theirs += static_cast<std::uint32_t>(payload.size()) + (flags & (kSyn | kFin) ? 1 : 0);
    };
    request(kSyn);
    reply(kSyn | kAck);
    request(kAck);
    request(kPsh | kAck, text("GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n"));
    for (unsigned left = 2 + pick(16); left > 0; --left) {
      reply(kPsh | kAck, Bytes(left == 1 ? 200 + pick(1000) : 1400, 'x'));
      if (left % 2 == 0) request(kAck);
    }
    request(kFin | kAck);
    reply(kFin | kAck);
    request(kAck);
  }

  void ping(Conversation& talk, const Path& path) {
    const auto id = static_cast<std::uint16_t>(random_());
    for (std::uint16_t sequence = 1; sequence <= 4; ++sequence) {
      talk.add(ping_frame(path, false, id, sequence));
      talk.add(ping_frame(path.back(), true, id, sequence));
    }
  }

  void resolve(Conversation& talk, const Path& path) {
    talk.add(arp_frame(path, false));
    talk.add(arp_frame(path.back(), true));
  }

  void scan(Conversation& talk) {
    const Station attacker = station(1, static_cast<std::uint8_t>(200 + pick(3)));
    const std::uint16_t port = client_port();
    for (std::uint8_t host = 10; host < 18; ++host)
      talk.add(tcp_frame({attacker, station(0, host), Version::ipv4},
                         {port, kTelnet, static_cast<std::uint32_t>(random_()), 0, kSyn}));
  }

  void stray(Conversation& talk, const Path& path) {
    for (unsigned i = 0; i < 3; ++i) talk.add(udp_frame(path, client_port(), kTelnet, text("login: admin\r\n")));
  }

  std::mt19937 random_{20240229};
};

/// Mixes conversations as a wire does: a few are under way at a time, each keeps its own order.
bool write(const std::string& path) {
  pcap_t* link = pcap_open_dead(DLT_EN10MB, 65535);
  pcap_dumper_t* file = link ? pcap_dump_open(link, path.c_str()) : nullptr;
  if (!file) {
    std::fprintf(stderr, "make_pcap: %s\n", link ? pcap_geterr(link) : "out of memory");
    if (link) pcap_close(link);
    return false;
  }
  struct UnderWay {
    Conversation talk;
    std::size_t next = 0;
  };
  constexpr std::size_t kAtATime = 6;
  Traffic traffic;
  std::vector<UnderWay> under_way;
  pcap_pkthdr header{};
  header.ts.tv_sec = 1'700'000'000;
  unsigned started = 0;
  unsigned frames = 0;
  while (started < kConversations || !under_way.empty()) {
    while (under_way.size() < kAtATime && started < kConversations) {
      under_way.push_back({traffic.next()});
      ++started;
    }
    const std::size_t which = traffic.pick(static_cast<unsigned>(under_way.size()));
    UnderWay& one = under_way[which];
    const Bytes& frame = one.talk.frames[one.next++];
    header.ts.tv_usec += static_cast<suseconds_t>(100 + traffic.pick(60'000));
    if (header.ts.tv_usec >= 1'000'000) {
      header.ts.tv_usec -= 1'000'000;
      ++header.ts.tv_sec;
    }
    header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
    pcap_dump(reinterpret_cast<u_char*>(file), &header, frame.data());
    ++frames;
    if (one.next == one.talk.frames.size()) under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(which));
  }
  const bool written = pcap_dump_flush(file) == 0;
  pcap_dump_close(file);
  pcap_close(link);
  std::printf("%s: %u frames of %u conversations\n", path.c_str(), frames, kConversations);
  return written;
}

}  // namespace
}  // namespace demo

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_pcap OUT.pcap\n");
    return 2;
  }
  return demo::write(argv[1]) ? 0 : 1;
}

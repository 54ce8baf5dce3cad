// One `skep run` without its printing: loads, fills maps, builds, goes over the input, tallies what came of it.
//
// A Session owns the live object; the Report says what happened to it. Ring buffers and perf event arrays are drained
// after every run, so that their size does not limit how many events a capture may cause.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <skep/executable.hpp>

#include "cli/pcap_file.hpp"
#include "cli/verbs.hpp"
#include "loader/object_spec.hpp"

namespace skep::cli {

inline constexpr std::size_t kShownRows = 20;  ///< of a map, of events; all with --all

struct Tally {
  std::uint64_t runs = 0;
  std::uint64_t bytes = 0;  ///< of the packets as they came in
};

/// Records of one ring buffer or perf event array.
struct EventLog {
  Map map;
  std::uint32_t type = 0;  ///< BTF type of --event; 0 without
  std::uint64_t count = 0;
  std::uint64_t lost = 0;                    ///< found no room; ring buffers tell their program alone
  std::vector<std::vector<std::byte>> kept;  ///< the first ones
};

struct Report {
  static constexpr std::size_t kInvalidVerdict = 5;  ///< index of values that are no xdp_action

  std::uint64_t runs = 0;
  double run_ns = 0;                                  ///< all runs together
  std::array<Tally, kInvalidVerdict + 1> verdicts{};  ///< by XdpAction
  std::map<std::uint64_t, std::uint64_t> values;      ///< r0 → runs, of programs that are not XDP
  std::uint64_t other_values = 0;                     ///< runs whose r0 had no more room there
  std::map<std::string, std::uint64_t> redirects;     ///< target → packets

  Tally faulted;
  std::map<std::string, std::uint64_t> fault_kinds;
  std::string first_fault;            ///< explained
  std::uint64_t first_fault_run = 0;  ///< counted from 1

  std::vector<EventLog> events;
  std::optional<std::uint64_t> written;  ///< packets that went to --write
  std::uint64_t cut_packets = 0;         ///< of which the capture holds only a part
  std::optional<int> odd_link_type;      ///< of the capture, when it is not Ethernet
};

/// The process host, but bpf_printk goes to standard output as it comes, or is kept.
class TraceHost;
class EventDrain;
class Progress;

class Session {
 public:
  /// Loads the object and builds the program. Errors say which step, exit_code() what they mean.
  [[nodiscard]] static Result<Session> open(const RunOptions& options);

  /// Goes over the input. The program's faults are in the report; an Error is one of the input or output.
  [[nodiscard]] Result<Report> run();

  [[nodiscard]] const Object& object() const { return object_; }
  [[nodiscard]] const Program& program() const { return executable_.program(); }
  [[nodiscard]] bool is_xdp() const { return program().type() == ProgType::xdp; }
  [[nodiscard]] std::uint64_t trace_lines() const;
  /// The lines of bpf_printk when they are kept (--json), else empty.
  [[nodiscard]] const std::vector<std::string>& trace() const;

 private:
  Session(const RunOptions& options, std::shared_ptr<TraceHost> host, Object object, Executable executable)
      : options_(options), host_(std::move(host)), object_(std::move(object)), executable_(std::move(executable)) {}

  [[nodiscard]] Result<void> run_packets(Report& report);
  /// Goes once over the capture, or over the one frame where there is none.
  [[nodiscard]] Result<void> run_pass(Report& report, XdpPacket& packet, PcapReader* capture,
                                      std::span<const std::byte> frame, PcapWriter* sink, Progress& progress);
  [[nodiscard]] Result<void> run_data(Report& report);
  [[nodiscard]] Result<void> watch_events(Report& report);
  RunResult run_once(Report& report, Context& context, std::size_t bytes);
  /// True for a packet that left the program alive.
  bool run_packet(Report& report, XdpPacket& packet, std::size_t bytes);
  [[nodiscard]] std::string target_of(const Redirect& redirect) const;

  const RunOptions& options_;
  std::shared_ptr<TraceHost> host_;
  Object object_;
  Executable executable_;
  std::map<std::string, std::uint32_t> event_types_;  ///< BTF types, by ring buffer or perf event array
  std::shared_ptr<EventDrain> drain_;
};

}  // namespace skep::cli

// The work of `skep run`.
//
// Only Executable::run is timed; what a clock reading costs is measured once and taken off, so that short programs are
// not drowned in it.
#include "cli/run_session.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "cli/building.hpp"
#include "cli/input.hpp"
#include "cli/object_facts.hpp"
#include "cli/preload_json.hpp"
#include "cli/terminal.hpp"
#include "cli/trace_host.hpp"

#include <skep/perf_buffer.hpp>
#include <skep/ring_buffer.hpp>

namespace skep::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxValues = 1000;         // different r0 that are told apart
constexpr std::size_t kDefaultPacketBytes = 64;  // as BPF_PROG_TEST_RUN's shortest useful packet
constexpr int kLinkTypeEthernet = 1;

double clock_cost_ns() {
  double least = 1e9;
  for (int i = 0; i < 200; ++i) {
    const auto start = Clock::now();
    least = std::min(least, std::chrono::duration<double, std::nano>(Clock::now() - start).count());
  }
  return least;
}

bool carries_events(const Map& map) {
  return map.spec().type == MapType::ringbuf || map.spec().type == MapType::perf_event_array;
}

/// The BTF type an --event names: a struct, union or typedef.
Result<std::uint32_t> event_type(const Object& object, const std::string& map_name, const std::string& name) {
  const std::string where = "event " + map_name;
  const auto map = object.map(map_name);
  if (!map || !carries_events(*map))
    return fail(ErrorCode::not_found, where, "no ring buffer or perf event array has this name");
  if (const btf::Btf* btf = object.spec().btf.get()) {
    for (const auto kind : {btf::Kind::struct_, btf::Kind::union_, btf::Kind::typedef_, btf::Kind::int_})
      if (const btf::TypeId id = btf->find(kind, name); id != 0) return id;
  }
  return fail(ErrorCode::not_found, where,
              fmt::format("{} has no type {}; clang keeps the types that a map, a global or a function names",
                          object.name(), name));
}

/// A number as C writes it where it is one, else the text, without the quotes that may stand around it.
ExternValue extern_value(const std::string& text) {
  if (text.size() > 1 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  char* end = nullptr;
  errno = 0;
  const std::uint64_t number = std::strtoull(text.c_str(), &end, 0);
  const bool whole = end == text.c_str() + text.size() && std::isspace(static_cast<unsigned char>(text.front())) == 0;
  return errno == 0 && whole ? ExternValue(number) : ExternValue(text);
}

bool is_section(const loader::ObjectSpec& object, const std::string& map) {
  return std::any_of(object.maps.begin(), object.maps.end(),
                     [&map](const loader::MapDef& def) { return def.spec.name == map && holds_globals(def); });
}

/// Opens the object, sets its variables, loads it.
Result<Object> load(const RunOptions& options, const std::shared_ptr<Host>& host) {
  const auto bytes = read_input(options.object);
  if (!bytes) return fail(bytes.error());
  ObjectOptions object_options;
  object_options.host = host;
  object_options.max_entries = options.max_entries;
  if (options.btf) object_options.target_btf = *options.btf;
  object_options.kconfig = options.kconfig;
  for (const auto& [name, value] : options.externs) object_options.externs.insert_or_assign(name, extern_value(value));
  const auto in_file = [&options](const Error& error) {
    return fail(error.code, fmt::format("{}: {}", file_name(options.object), error.where), error.what);
  };
  const auto open = OpenObject::open(*bytes, file_name(options.object), object_options);
  if (!open) return in_file(open.error());
  for (const auto& [map, path] : options.preload)
    if (is_section(open->spec(), map))
      if (auto done = preload_globals(*open, map, path); !done) return fail(std::move(done).error());
  for (const auto& [name, value] : options.globals)
    if (auto done = set_global(*open, name, value); !done) return fail(std::move(done).error());
  auto object = open->load();
  if (!object) return in_file(object.error());
  return object;
}

Result<std::vector<std::shared_ptr<CodeWatcher>>> watchers(const RunOptions& options) {
  std::vector<std::shared_ptr<CodeWatcher>> all;
  if (options.gdb) all.push_back(make_gdb_watcher());
  const auto add = [&all](Result<std::shared_ptr<CodeWatcher>> made) -> Result<void> {
    if (!made) return fail(std::move(made).error());
    all.push_back(std::move(*made));
    return {};
  };
  if (options.perf_map)
    if (auto done = add(make_perf_map()); !done) return fail(std::move(done).error());
  if (options.jitdump)
    if (auto done = add(make_jitdump(*options.jitdump)); !done) return fail(std::move(done).error());
  return all;
}

}  // namespace

/// Consumers of all ring buffers and perf event arrays of the object.
class EventDrain {
 public:
  explicit EventDrain(std::size_t most) : most_(most) {}

  Result<void> watch(EventLog& log) {
    const auto take = [this, &log](std::span<const std::byte> record) {
      ++log.count;
      if (log.kept.size() < most_) log.kept.emplace_back(record.begin(), record.end());
      return true;
    };
    if (log.map.spec().type == MapType::ringbuf) return keep(RingBuffer::open(log.map, take), rings_);
    const auto take_any = [take](unsigned, std::span<const std::byte> record) { return take(record); };
    const auto lose = [&log](unsigned, std::uint64_t count) { log.lost += count; };
    return keep(PerfBuffer::open(log.map, take_any, {.lost = lose}), perfs_);
  }
  void consume() {
    for (RingBuffer& buffer : rings_) buffer.consume();
    for (PerfBuffer& buffer : perfs_) buffer.consume();
  }

 private:
  template <class Buffer>
  static Result<void> keep(Result<Buffer> buffer, std::vector<Buffer>& kept) {
    if (!buffer) return fail(std::move(buffer).error());
    kept.push_back(std::move(*buffer));
    return {};
  }

  std::size_t most_;
  std::vector<RingBuffer> rings_;
  std::vector<PerfBuffer> perfs_;
};

Result<Session> Session::open(const RunOptions& options) {
  auto host = std::make_shared<TraceHost>(options.json);
  auto object = load(options, host);
  if (!object) return fail(std::move(object).error());
  const auto chosen = choose_program(object->spec(), options.program);
  if (!chosen) return fail(chosen.error());
  const auto program = object->program((*chosen)->name);
  if (!program) return fail(program.error());
  if (program->type() != ProgType::xdp && (options.pcap || options.write))
    return fail(ErrorCode::not_found, options.pcap ? "--pcap" : "--write",
                fmt::format("only XDP programs run on packets, {} is {}", program->name(), name_of(program->type())));

  // What a budget is given to has to count.
  const bool metered = options.budget != skep::RunOptions::kNoBudget;
  auto seen_by = watchers(options);
  if (!seen_by) return fail(std::move(seen_by).error());
  const Building building{{.mode = options.mode,
                           .engine = options.engine,
                           .metered = metered,
                           .host = host,
                           .seen_by = std::move(*seen_by)},
                          options.verify};
  auto executable = build(*program, building);
  if (!executable)
    return fail(executable.error().code == ErrorCode::refused
                    ? executable.error()
                    : Error{ErrorCode::unsupported, "program " + program->name(), executable.error().message()});
  for (const auto& [map, path] : options.preload)
    if (!is_section(object->spec(), map))
      if (auto done = preload(*object, map, path, building); !done) return fail(std::move(done).error());
  Session session(options, std::move(host), std::move(*object), std::move(*executable));
  for (const auto& [name, type_name] : options.events) {
    const auto type = event_type(session.object_, name, type_name);
    if (!type) return fail(type.error());
    session.event_types_[name] = *type;
  }
  return session;
}

std::uint64_t Session::trace_lines() const { return host_->lines(); }
const std::vector<std::string>& Session::trace() const { return host_->kept(); }

Result<Report> Session::run() {
  Report report;
  if (auto done = watch_events(report); !done) return fail(std::move(done).error());
  auto done = is_xdp() ? run_packets(report) : run_data(report);
  if (!done) return fail(std::move(done).error());
  report.run_ns = std::max(0.0, report.run_ns - clock_cost_ns() * static_cast<double>(report.runs));
  return report;
}

Result<void> Session::watch_events(Report& report) {
  for (const Map& map : object_.maps()) {
    if (!carries_events(map)) continue;
    const auto type = event_types_.find(map.name());
    report.events.push_back({.map = map, .type = type == event_types_.end() ? 0 : type->second, .kept = {}});
  }
  drain_ = std::make_shared<EventDrain>(options_.all || options_.json ? SIZE_MAX : kShownRows);
  for (EventLog& log : report.events)
    if (auto done = drain_->watch(log); !done) return done;
  return {};
}

RunResult Session::run_once(Report& report, Context& context, std::size_t bytes) {
  const auto start = Clock::now();
  const RunResult result = executable_.run(context, {options_.budget});
  report.run_ns += std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  ++report.runs;
  drain_->consume();
  if (result.ok()) return result;
  if (report.faulted.runs++ == 0) {
    report.first_fault = executable_.explain(result.fault);
    report.first_fault_run = report.runs;
  }
  report.faulted.bytes += bytes;
  ++report.fault_kinds[std::string(name_of(result.fault_kind()))];
  return result;
}

bool Session::run_packet(Report& report, XdpPacket& packet, std::size_t bytes) {
  const RunResult result = run_once(report, packet, bytes);
  if (!result.ok()) return false;
  const auto action = static_cast<std::uint32_t>(result.value);
  Tally& tally = report.verdicts[std::min<std::size_t>(action, Report::kInvalidVerdict)];
  ++tally.runs;
  tally.bytes += bytes;
  if (action == static_cast<std::uint32_t>(XdpAction::redirect) && packet.redirect())
    ++report.redirects[target_of(*packet.redirect())];
  return action == static_cast<std::uint32_t>(XdpAction::pass) || action == static_cast<std::uint32_t>(XdpAction::tx) ||
         action == static_cast<std::uint32_t>(XdpAction::redirect);
}

std::string Session::target_of(const Redirect& redirect) const {
  if (redirect.map == nullptr) return fmt::format("ifindex {}", redirect.ifindex);
  for (const Map& map : object_.maps())
    if (map.storage().get() == redirect.map) return fmt::format("map {}, key {}", map.name(), redirect.key);
  return fmt::format("a map, key {}", redirect.key);
}

Result<void> Session::run_packets(Report& report) {
  std::optional<PcapReader> capture;
  std::vector<std::byte> frame(options_.data ? 0 : kDefaultPacketBytes);
  if (options_.pcap) {
    auto opened = PcapReader::open(*options_.pcap);
    if (!opened) return fail(std::move(opened).error());
    capture = std::move(*opened);
    if (capture->format().link_type != kLinkTypeEthernet) report.odd_link_type = capture->format().link_type;
  } else if (options_.data) {
    auto bytes = read_input(*options_.data);
    if (!bytes) return fail(std::move(bytes).error());
    frame = std::move(*bytes);
  }
  std::optional<PcapWriter> writer;
  if (options_.write) {
    auto created = PcapWriter::create(*options_.write, capture ? capture->format() : CaptureFormat{});
    if (!created) return fail(std::move(created).error());
    writer = std::move(*created);
  }

  XdpPacket packet(frame);
  Progress progress("packet");
  for (std::uint64_t pass = 0; pass < options_.repeat; ++pass) {
    PcapWriter* sink = pass == 0 && writer ? &*writer : nullptr;
    if (capture && pass != 0) {
      auto again = PcapReader::open(*options_.pcap);
      if (!again) return fail(std::move(again).error());
      capture = std::move(*again);
    }
    if (auto done = run_pass(report, packet, capture ? &*capture : nullptr, frame, sink, progress); !done) return done;
  }
  if (!writer) return {};
  report.written = writer->packets();
  return writer->finish();
}

Result<void> Session::run_pass(Report& report, XdpPacket& packet, PcapReader* capture, std::span<const std::byte> frame,
                               PcapWriter* sink, Progress& progress) {
  CapturedPacket input{frame, 0, 0, static_cast<std::uint32_t>(frame.size())};
  for (;;) {
    if (capture != nullptr) {
      const auto more = capture->next(input);
      if (!more) return fail(more.error());
      if (!*more) return {};
    }
    if (input.original_bytes > input.bytes.size()) ++report.cut_packets;
    packet.reset(input.bytes);
    const bool alive = run_packet(report, packet, input.bytes.size());
    if (alive && sink != nullptr) sink->add(packet.frame(), input);
    progress.show(report.runs);
    if (capture == nullptr) return {};
  }
}

Result<void> Session::run_data(Report& report) {
  std::vector<std::byte> input;
  if (options_.data) {
    auto bytes = read_input(*options_.data);
    if (!bytes) return fail(std::move(bytes).error());
    input = std::move(*bytes);
  }
  Progress progress("run");
  std::vector<std::byte> memory;
  for (std::uint64_t pass = 0; pass < options_.repeat; ++pass) {
    memory = input;
    RawContext context{std::span<std::byte>(memory)};
    const RunResult result = run_once(report, context, memory.size());
    progress.show(report.runs);
    if (!result.ok()) continue;
    if (const auto known = report.values.find(result.value); known != report.values.end())
      ++known->second;
    else if (report.values.size() < kMaxValues)
      report.values.emplace(result.value, 1);
    else
      ++report.other_values;
  }
  return {};
}

}  // namespace skep::cli

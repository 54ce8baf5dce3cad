// Captures in and out, through libpcap.
//
// Reading streams: one packet at a time is in memory. Times keep the precision of the file (micro- or nanoseconds; from
// pipes, nanoseconds), so that a capture written from another one has its format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <skep/error.hpp>

struct pcap;
struct pcap_dumper;

namespace skep::cli {

struct CapturedPacket {
  std::span<const std::byte> bytes;  ///< valid until the next one is read
  std::int64_t seconds = 0;
  std::int64_t fraction = 0;         ///< micro- or nanoseconds, see CaptureFormat
  std::uint32_t original_bytes = 0;  ///< on the wire; more than bytes.size() when the capture cut it
};

struct CaptureFormat {
  int link_type = 1;  ///< LINKTYPE_ETHERNET
  bool nanoseconds = false;
};

class PcapReader {
 public:
  /// Opens a pcap or pcapng file, standard input for "-".
  [[nodiscard]] static Result<PcapReader> open(const std::string& path);

  [[nodiscard]] CaptureFormat format() const;
  /// The next packet, false at the end. Error malformed when the file breaks off or makes no sense.
  [[nodiscard]] Result<bool> next(CapturedPacket& packet);

 private:
  struct Close {
    void operator()(pcap* handle) const;
  };
  PcapReader(std::string path, pcap* handle) : path_(std::move(path)), handle_(handle) {}
  std::string path_;
  std::unique_ptr<pcap, Close> handle_;
};

class PcapWriter {
 public:
  [[nodiscard]] static Result<PcapWriter> create(const std::string& path, const CaptureFormat& format);

  /// Appends one packet; `like` gives its time.
  void add(std::span<const std::byte> bytes, const CapturedPacket& like);
  /// Writes what is buffered. Call once, at the end.
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] std::uint64_t packets() const { return packets_; }

 private:
  struct Close {
    void operator()(pcap* handle) const;
    void operator()(pcap_dumper* dumper) const;
  };
  PcapWriter(std::string path, pcap* handle) : path_(std::move(path)), handle_(handle) {}
  std::string path_;
  std::unique_ptr<pcap, Close> handle_;
  std::unique_ptr<pcap_dumper, Close> dumper_;
  std::uint64_t packets_ = 0;
};

}  // namespace skep::cli

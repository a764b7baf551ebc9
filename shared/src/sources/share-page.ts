/**
 * The link to the file itself that belongs to a page, `null` when the service has none, and `undefined` when the
 * URL is not that of a page.
 */
type DirectLink = string | null | undefined;

interface Service {
  readonly name: string;
  readonly hosts: RegExp;
  /** For URLs that never lead to a file. */
  readonly page?: (url: URL) => DirectLink;
  /** For URLs that lead to a file as a rule, but that answered with a web page. */
  readonly answeredWithPage?: (url: URL) => DirectLink;
}

const NO_LINK = (): null => null;

const SERVICES: readonly Service[] = [
  {
    name: "Google Drive",
    hosts: /^(?:drive|docs)\.google\.com$/,
    page: (url) => {
      const id = /^\/(?:a\/[^/]+\/)?file\/(?:u\/\d+\/)?d\/([^/]+)/.exec(url.pathname)?.[1];
      if (id !== undefined) return driveDownload(url, id);
      if (/^\/open\/?$/.test(url.pathname)) return driveDownload(url, url.searchParams.get("id"));
      return /^\/(?:a\/[^/]+\/)?drive(?:\/|$)|^\/folderview/.test(url.pathname) ? null : undefined;
    },
    // Instead of a file that is too large to be scanned for viruses comes a page that says so.
    answeredWithPage: (url) => driveDownload(url, url.searchParams.get("id")),
  },
  {
    name: "Google Drive",
    hosts: /^drive\.usercontent\.google\.com$/,
    answeredWithPage: (url) =>
      url.searchParams.has("confirm") ? undefined : driveDownload(url, url.searchParams.get("id")),
  },
  {
    name: "Dropbox",
    hosts: /^(?:www\.)?dropbox\.com$/,
    page: (url) => {
      if (url.searchParams.get("dl") === "1" || url.searchParams.get("raw") === "1") return undefined;
      const isFile = /^\/(?:s\/|scl\/fi\/)|^\/(?:sh|scl\/fo)\/.*\.\w{2,4}$/.test(url.pathname);
      return isFile ? withParameter(url, "dl", "1") : null;
    },
  },
  {
    name: "OneDrive",
    hosts: /^1drv\.ms$/,
    page: (url) => (/^\/f\//.test(url.pathname) ? null : oneDriveDownload(url)),
  },
  {
    name: "OneDrive",
    hosts: /^(?:onedrive\.live|photos\.onedrive)\.com$/,
    page: (url) => {
      if (/^\/download/i.test(url.pathname)) return undefined;
      if (/^\/:[a-z]:\//.test(url.pathname)) return sharePointDownload(url);
      const resid = url.searchParams.get("resid") ?? url.searchParams.get("id");
      const authkey = url.searchParams.get("authkey");
      if (resid === null || authkey === null) return null;
      return `https://onedrive.live.com/download?${new URLSearchParams({ resid, authkey })}`;
    },
  },
  {
    name: "OneDrive",
    hosts: /\.sharepoint\.com$|^my\.microsoftpersonalcontent\.com$/,
    page: (url) => {
      if (/^\/:[a-z]:\//.test(url.pathname)) return sharePointDownload(url);
      return /\/_layouts\/15\/(?:onedrive|stream|embed|doc)\.aspx$/i.test(url.pathname) ? null : undefined;
    },
  },
  {
    name: "WeTransfer",
    hosts: /^we\.tl$|(?:^|\.)wetransfer\.com$/,
    page: (url) => (url.hostname === "download.wetransfer.com" ? undefined : null),
  },
  { name: "iCloud", hosts: /^(?:www\.|share\.)?icloud\.com$/, page: NO_LINK },
  { name: "Google Photos", hosts: /^photos\.(?:app\.goo\.gl|google\.com)$/, page: NO_LINK },
  {
    name: "Box",
    hosts: /^(?:[\w-]+\.)*box\.com$/,
    page: (url) => {
      const shared = /^\/s\/(\w+)/.exec(url.pathname)?.[1];
      if (shared !== undefined) return `${url.origin}/shared/static/${shared}`;
      return /^\/(?:v|file|folder|embed)\//.test(url.pathname) ? null : undefined;
    },
  },
  {
    name: "YouTube",
    hosts: /^(?:(?:www|m|music|studio)\.)?youtube(?:-nocookie)?\.com$|^youtu\.be$/,
    page: NO_LINK,
  },
  {
    name: "Vimeo",
    hosts: /^(?:(?:www|player)\.)?vimeo\.com$/,
    page: (url) => (/^\/(?:external|progressive_redirect|play)\//.test(url.pathname) ? undefined : null),
  },
  { name: "TikTok", hosts: /^(?:(?:www|m|vm|vt)\.)?tiktok\.com$/, page: NO_LINK },
  { name: "Instagram", hosts: /^(?:www\.)?instagram\.com$/, page: NO_LINK },
  { name: "Facebook", hosts: /^(?:(?:www|m|web)\.)?facebook\.com$|^fb\.watch$/, page: NO_LINK },
  { name: "X", hosts: /^(?:(?:www|mobile)\.)?(?:x|twitter)\.com$/, page: NO_LINK },
  { name: "Dailymotion", hosts: /^(?:www\.)?dailymotion\.com$|^dai\.ly$/, page: NO_LINK },
  { name: "Loom", hosts: /^(?:www\.)?loom\.com$/, page: NO_LINK },
  { name: "Streamable", hosts: /^streamable\.com$/, page: NO_LINK },
  { name: "MEGA", hosts: /^(?:www\.)?mega\.(?:nz|co\.nz|io)$/, page: NO_LINK },
  { name: "MediaFire", hosts: /^(?:www\.)?mediafire\.com$/, page: NO_LINK },
  { name: "pCloud", hosts: /^[ue]\.pcloud\.(?:link|com)$/, page: NO_LINK },
  { name: "Proton Drive", hosts: /^drive\.proton\.me$/, page: NO_LINK },
  { name: "Smash", hosts: /^(?:[\w-]+\.)?fromsmash\.com$/, page: NO_LINK },
  { name: "SwissTransfer", hosts: /^(?:www\.)?swisstransfer\.com$/, page: NO_LINK },
  { name: "TransferNow", hosts: /^(?:www\.)?transfernow\.net$/, page: NO_LINK },
  { name: "Gofile", hosts: /^gofile\.io$/, page: NO_LINK },
  {
    name: "Filebin",
    hosts: /^filebin\.net$/,
    // A bin without the name of one of its files.
    page: (url) =>
      /^\/[^/]+\/?$/.test(url.pathname) ? `${url.href.replace(/\/$/, "")}/FILE_NAME` : undefined,
  },
  {
    name: "GitHub",
    hosts: /^github\.com$/,
    page: (url) => {
      if (url.searchParams.get("raw") === "true") return undefined;
      return replaced(url, /^(\/[^/]+\/[^/]+)\/blob\//, "$1/raw/");
    },
  },
  {
    name: "Hugging Face",
    hosts: /^huggingface\.co$/,
    page: (url) => replaced(url, /^(\/.+?)\/blob\//, "$1/resolve/"),
  },
  {
    name: "GitLab",
    hosts: /^gitlab\.com$/,
    page: (url) => replaced(url, /^(\/.+?)\/-\/blob\//, "$1/-/raw/"),
  },
  {
    name: "Nextcloud",
    hosts: /./,
    answeredWithPage: (url) => replaced(url, /^((?:\/index\.php)?\/s\/\w{8,})\/?$/, "$1/download"),
  },
];

const SIGN_IN = /^(?:accounts\.google|login\.microsoftonline|login\.live)\.com$|\.okta\.com$/;

/**
 * Recognises the URL of a page that shows or offers a video, in place of the video file.
 *
 * @param answered whether a web page was what the URL answered with, which settles doubtful cases
 * @returns what to do instead, or null when nothing is known of the URL
 */
export function sharePageAdvice(url: URL, answered = false): string | null {
  const upload = "send it with POST /uploads";
  if (answered && SIGN_IN.test(url.hostname))
    return `It asks to sign in. Share the video with anyone who has the link, or ${upload}.`;
  for (const { name, hosts, page, answeredWithPage } of SERVICES) {
    if (!hosts.test(url.hostname)) continue;
    const certain = page?.(url);
    const link = certain === undefined && answered ? answeredWithPage?.(url) : certain;
    if (link === undefined) continue;
    const what = `This is a page of ${name}, not the video file.`;
    return link === null ? `${what} Download the video and ${upload}.` : `${what} Use ${link}`;
  }
  return null;
}

function driveDownload(url: URL, id: string | null): string | null {
  if (id === null) return null;
  const key = url.searchParams.get("resourcekey");
  const parameters = { id, export: "download", confirm: "t", ...(key === null ? {} : { resourcekey: key }) };
  return `https://drive.usercontent.google.com/download?${new URLSearchParams(parameters)}`;
}

function oneDriveDownload(url: URL): DirectLink {
  return url.searchParams.get("download") === "1" ? undefined : withParameter(url, "download", "1");
}

/** `:f:` is a folder; the other letters stand for kinds of files. */
function sharePointDownload(url: URL): DirectLink {
  return /^\/:f:\//.test(url.pathname) ? null : oneDriveDownload(url);
}

function withParameter(url: URL, name: string, value: string): string {
  const changed = new URL(url);
  changed.searchParams.set(name, value);
  return changed.href;
}

function replaced(url: URL, pattern: RegExp, replacement: string): DirectLink {
  if (!pattern.test(url.pathname)) return undefined;
  const changed = new URL(url);
  changed.pathname = url.pathname.replace(pattern, replacement);
  return changed.href;
}

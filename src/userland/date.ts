/** Calendar dates of seconds since 1970, in UTC: what gmtime(3) and ctime(3) tell the tools. */

/** The months as the C locale shortens them. */
export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

const WEEKDAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed']
const DAY = 86400

/** Year, month from 0 and day of a number of days since 1970 (Gregorian calendar). */
export function civilOf(days: number): { year: number; month: number; day: number } {
  let year = 1970
  let left = days
  const isLeap = (): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const eras = Math.floor(left / 146097)
  year += eras * 400
  left -= eras * 146097
  for (let length = isLeap() ? 366 : 365; left >= length; length = isLeap() ? 366 : 365) {
    left -= length
    year++
  }
  let month = 0
  for (const length of [31, isLeap() ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30]) {
    if (left < length) break
    left -= length
    month++
  }
  return { year, month, day: left + 1 }
}

const two = (n: number): string => String(n).padStart(2, '0')

/** '12:34:56' */
export function clockOf(seconds: number): string {
  const left = ((seconds % DAY) + DAY) % DAY
  return `${two(Math.floor(left / 3600))}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`
}

/** 'Tue Sep 16 12:34:56 1997': ctime(3) without its newline. */
export function ctime(seconds: number): string {
  const days = Math.floor(seconds / DAY)
  const { year, month, day } = civilOf(days)
  const weekday = WEEKDAYS[((days % 7) + 7) % 7]
  return `${weekday} ${MONTHS[month]} ${String(day).padStart(2)} ${clockOf(seconds)} ${year}`
}
